package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// crashed is the folder of a host that died after n commits, of two events and
// a record each, that its tables had not taken over.
func crashed(t *testing.T, n int) (dir, segment string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, Options{Dir: dir})
	for i := range n {
		accept(t, s, described(fmt.Sprint(i), 2, 100))
		if err := s.Record(t.Context(), store.Record{
			Connector: "shop", Lane: &store.Lane{Connector: "shop", Cursor: int64(2*i + 2), Open: []int64{int64(2*i + 1)}},
			Links:      []store.Link{{Connector: "shop", Key: "a", Seq: int64(i), Base: &sdk.Product{Key: "a", Name: "b"}}},
			Deliveries: []store.Delivery{{Connector: "shop", Key: "a", Seq: int64(2*i + 1)}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	copied := t.TempDir()
	numbers, err := segments(dir)
	if err != nil || len(numbers) != 1 {
		t.Fatalf("the segments are %v (%v)", numbers, err)
	}
	segment = segmentName(numbers[0])
	for _, name := range []string{segment, fileName, fileName + "-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return copied, filepath.Join(copied, segment)
}

// Wherever the log was cut off, all commits before it are there, and nothing of
// what came after.
func TestALogThatWasCutOffIsReadUpToThere(t *testing.T) {
	dir, segment := crashed(t, 3)
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	before := -1
	for cut := len(whole); cut >= 0; cut -= 7 {
		tail := newTail()
		if _, err := readFrames(bytes.NewReader(whole[:cut]), 1, tail.read); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		n := len(tail.entries) + len(tail.deliveries)
		if lane := tail.lanes["shop"]; len(tail.entries)%2 != 0 || lane != nil && lane.Cursor < int64(2*len(tail.deliveries)) {
			t.Errorf("cut at %d, half a commit was read", cut)
		}
		if before >= 0 && n > before {
			t.Errorf("cut at %d, more was read than of a longer log", cut)
		}
		before = n
	}
	if before != 0 {
		t.Error("of nothing, something was read")
	}
	if s := open(t, Options{Dir: dir}); count(t, s) != 6 {
		t.Errorf("of the whole log, %d events are there", count(t, s))
	}
}

func TestWhatADeadHostLeftIsTakenOver(t *testing.T) {
	dir, _ := crashed(t, 3)
	s := open(t, Options{Dir: dir})
	if lane, err := s.Lane(t.Context(), "shop"); err != nil || lane.Cursor != 6 || !slices.Equal(lane.Open, []int64{5}) {
		t.Errorf("the lane is %+v (%v)", lane, err)
	}
	if links, err := s.Links(t.Context(), "shop", []string{"a"}); err != nil || len(links) != 1 || links[0].Seq != 2 || links[0].Base == nil {
		t.Errorf("the links are %+v (%v)", links, err)
	}
	if deliveries, err := s.Deliveries(t.Context(), store.DeliveryQuery{Limit: 10}); err != nil || len(deliveries) != 3 {
		t.Errorf("the deliveries are %+v (%v)", deliveries, err)
	}
	receipts, err := s.Accept(t.Context(), append(described("1", 1, 100), described("new", 1, 100)...))
	if err != nil || !receipts[0].Duplicate || receipts[0].Seq != 3 || receipts[1].Seq != 7 {
		t.Errorf("the receipts are %+v (%v)", receipts, err)
	}
}

// A host that died after the tables had taken the log over, and before the log
// was let go of, does not take it over twice.
func TestALogThatWasTakenOverIsNotTakenOverAgain(t *testing.T) {
	dir, segment := crashed(t, 3)
	data, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	if err := open(t, Options{Dir: dir}).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segment, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Dir: dir})
	if n := count(t, s); n != 6 {
		t.Errorf("%d events are there, want 6", n)
	}
	if deliveries, err := s.Deliveries(t.Context(), store.DeliveryQuery{Limit: 10}); err != nil || len(deliveries) != 3 {
		t.Errorf("%d deliveries are there, want 3 (%v)", len(deliveries), err)
	}
}

// A segment that is used again has frames of its earlier life behind the new ones.
func TestASegmentThatIsUsedAgainForgetsItsEarlierLife(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	for i := range 5 {
		accept(t, s, described(fmt.Sprint("old", i), 10, 1_000))
		settle(t, s)
	}
	accept(t, s, described("new", 1, 10))
	numbers, err := segments(dir)
	if err != nil || len(numbers) != 1 || numbers[0] < 5 {
		t.Fatalf("the segments are %v (%v), want one", numbers, err)
	}
	tail := newTail()
	if _, err := readSegment(dir, numbers[0], tail.read); err != nil || len(tail.entries) != 1 {
		t.Errorf("the segment has %d entries, want the new one (%v)", len(tail.entries), err)
	}
	if info, err := os.Stat(filepath.Join(dir, segmentName(numbers[0]))); err != nil || info.Size() < 10_000 {
		t.Errorf("it was not used again: %v (%v)", info, err)
	}
}

// An earlier segment that ends too soon is damage: what was committed is missing.
func TestALogWithAGapIsRefused(t *testing.T) {
	dir, segment := crashed(t, 3)
	if err := os.WriteFile(filepath.Join(dir, segmentName(2)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, tryOpen(t, dir), filepath.Base(segment), "damaged", "backup")
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("synchost log 1\n\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00abcdhello"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := readFrames(bytes.NewReader(data), 1, func([]byte) error { return nil }); err != nil {
			t.Errorf("what is not whole is an error: %v", err)
		}
	})
}

func FuzzRows(f *testing.F) {
	frame := newFrame(nil)
	frame.row(inEvents).entry(&event.Entry{Seq: 1, Key: "a", Raw: &sdk.Raw{Body: []byte("b")}}, []byte{})
	frame.row(inProducts).catalogRow(&event.Entry{Seq: 1, Key: "a", Known: []string{"name"}})
	frame.row(inLanes).lane(&store.Lane{Connector: "shop", Cursor: 3, Open: []int64{1, 2}})
	frame.row(inLinks).link(&store.Link{Connector: "shop", Key: "a", Base: &sdk.Product{Key: "a"}})
	frame.row(forgotten).text("shop").text("b")
	frame.row(inDeliveries).delivery(&store.Delivery{Connector: "shop", Key: "a", Fields: []string{"name"}})
	f.Add(frame.data[frameHeader:])
	f.Fuzz(func(t *testing.T, body []byte) {
		tail := newTail()
		if err := tail.read(body); err != nil {
			return
		}
		again := newFrame(nil)
		for _, link := range tail.links {
			if link != nil {
				again.row(inLinks).link(link)
			}
		}
		for i := range tail.deliveries {
			again.row(inDeliveries).delivery(&tail.deliveries[i])
		}
		if err := newTail().read(again.data[frameHeader:]); err != nil {
			t.Errorf("what was read cannot be written and read again: %v", err)
		}
	})
}
