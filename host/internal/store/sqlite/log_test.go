package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
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
	dir = copied(t, dir)
	numbers, err := segments(dir)
	if err != nil || len(numbers) != 1 {
		t.Fatalf("the segments are %v (%v)", numbers, err)
	}
	return dir, filepath.Join(dir, segmentName(numbers[0]))
}

// copied is what a host that dies now leaves in its folder.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	files, err := filepath.Glob(filepath.Join(dir, "synchost*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(file)), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
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

// The disk may have any part of what was written when the power went: of a
// commit that is not whole nothing is read, and all of those before it.
func TestACommitThatIsTornAnywhereIsNotRead(t *testing.T) {
	dir, segment := crashed(t, 3)
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	const sector = 32 // smaller than a real one, so that commits have many
	ends := frameEnds(t, whole)
	begin, end := ends[len(ends)-2], ends[len(ends)-1]
	if err := os.WriteFile(segment, whole[:begin], 0o600); err != nil {
		t.Fatal(err)
	}
	want := newTail()
	if _, err := readSegment(dir, 1, want.read); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		torn := slices.Clone(whole)
		lost := 0
		for at := begin; at < end; at += sector {
			if random.IntN(3) == 0 {
				part := torn[at:min(at+sector, end)]
				for i := range part { // what the file had there in its earlier life
					part[i] = whole[i+logHeader] ^ 0x55
				}
				lost++
			}
		}
		if lost == 0 {
			continue
		}
		tail := newTail()
		if _, err := readFrames(bytes.NewReader(torn), 1, tail.read); err != nil || len(tail.entries) != len(want.entries) || len(tail.deliveries) != len(want.deliveries) {
			t.Fatalf("%d events and %d deliveries were read, want %d and %d (%v)", len(tail.entries), len(tail.deliveries), len(want.entries), len(want.deliveries), err)
		}
	}
}

// frameEnds says where a segment's frames end.
func frameEnds(t *testing.T, segment []byte) (ends []int) {
	t.Helper()
	at := logHeader
	if _, err := readFrames(bytes.NewReader(segment), 1, func(body []byte) error {
		at += frameHeader + len(body)
		ends = append(ends, at)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return ends
}

// What can only be damage, or is not ours to read, is not taken for an end.
func TestALogThatCannotBeReadIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		harm  func(t *testing.T, dir, segment string)
		tells []string
	}{
		"a byte in the middle": {rewritten(func(data []byte) { data[logHeader+100] ^= 1 }), []string{"damaged", "middle", "backup"}},
		"a length":             {rewritten(func(data []byte) { data[logHeader+2] ^= 1 }), []string{"damaged", "middle", "backup"}},
		"a block":              {rewritten(func(data []byte) { clear(data[logHeader : logHeader+300]) }), []string{"damaged", "middle", "backup"}},
		"its name":             {rewritten(func(data []byte) { data[3] ^= 1 }), []string{"damaged", "backup"}},
		"its number":           {rewritten(func(data []byte) { data[len(logMagic)+1] ^= 1 }), []string{"damaged", "backup"}},
		"a later version's":    {rewritten(func(data []byte) { copy(data, "synchost log 9") }), []string{"another version", "start that one"}},
		"cut off before another": {func(t *testing.T, dir, segment string) {
			addSegment(t, dir, 2)
			if err := os.Truncate(segment, int64(logHeader)+200); err != nil {
				t.Fatal(err)
			}
		}, []string{"ends too soon", "Restore all"}},
		"one missing": {func(t *testing.T, dir, segment string) {
			addSegment(t, dir, 2)
			if err := os.Remove(segment); err != nil {
				t.Fatal(err)
			}
		}, []string{"is missing", "Restore all"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, segment := crashed(t, 3)
			c.harm(t, dir, segment)
			before, err := segments(dir)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				wantError(t, tryOpen(t, dir), append(c.tells, segmentName(1))...)
			}
			if after, err := segments(dir); err != nil || !slices.Equal(before, after) {
				t.Errorf("of the segments %v, %v are left (%v)", before, after, err)
			}
		})
	}
}

func rewritten(fn func(data []byte)) func(t *testing.T, dir, segment string) {
	return func(t *testing.T, _, segment string) {
		rewrite(t, segment, func(data []byte) []byte { fn(data); return data })
	}
}

// addSegment makes one with a commit.
func addSegment(t *testing.T, dir string, number int64) {
	t.Helper()
	l, err := openLog(dir, number)
	if err != nil {
		t.Fatal(err)
	}
	f := newFrame(nil)
	f.row(inLanes).lane(&store.Lane{Connector: "crm", Cursor: 1})
	if err := errors.Join(l.append(f), l.close()); err != nil {
		t.Fatal(err)
	}
}

// The next segment may be there though it never came to be used.
func TestASegmentThatWasOnlyBegunIsNoHarm(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "of zeros": string(make([]byte, 100)), "in its earlier life": logMagic + "\x01\x00\x00\x00\x00\x00\x00\x00 random frames"} {
		t.Run(name, func(t *testing.T) {
			dir, _ := crashed(t, 3)
			if err := os.WriteFile(filepath.Join(dir, segmentName(2)), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if n := count(t, open(t, Options{Dir: dir})); n != 6 {
				t.Errorf("%d events are there, want 6", n)
			}
		})
	}
}

// failing has the disk refuse syncs of the log while it returns true.
func failing(s *Store) *atomic.Bool {
	fails := new(atomic.Bool)
	s.log.sync = func(file *os.File) error {
		if fails.Load() {
			return syscall.EIO
		}
		return syncData(file)
	}
	return fails
}

func TestWhatTheDiskRefusedIsNotThere(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	fails := failing(s)
	accept(t, s, described("a", 2, 100))
	for i := range 3 {
		fails.Store(true)
		if _, err := s.Accept(t.Context(), described(fmt.Sprint("refused", i), 5, 1_000)); !errors.Is(err, syscall.EIO) {
			t.Errorf("it was answered with %v", err)
		}
		fails.Store(false)
		if n := count(t, open(t, Options{Dir: copied(t, dir)})); n != 2+i {
			t.Errorf("after a crash %d events are there, want %d", n, 2+i)
		}
		accept(t, s, described(fmt.Sprint("b", i), 1, 10))
	}
	if n := count(t, open(t, Options{Dir: copied(t, dir)})); n != 5 {
		t.Errorf("after a crash %d events are there, want 5", n)
	}
}

// While no next segment can be begun, memory is bounded all the same.
func TestALogThatCannotGoOnTakesNoMoreThanMemoryMayHold(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, flushBytes: 20_000})
	accept(t, s, described("a", 1, 10))
	settle(t, s)
	numbers, err := segments(dir)
	if err != nil {
		t.Fatal(err)
	}
	inTheWay := filepath.Join(dir, segmentName(numbers[0]+1))
	if err := os.MkdirAll(filepath.Join(inTheWay, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	taken := 1
	for ; err == nil && taken < 1000; taken++ {
		_, err = s.Accept(t.Context(), described(fmt.Sprint("b", taken), 1, 5_000))
	}
	if err == nil || s.memory.active.bytes > (maxFlushes+1)*20_000 {
		t.Errorf("%d bytes are in memory (%v)", s.memory.active.bytes, err)
	}
	if err := s.writer.settled(t.Context()); err == nil {
		t.Error("all is said to be in the tables")
	}
	if err := os.RemoveAll(inTheWay); err != nil {
		t.Fatal(err)
	}
	accept(t, s, described("c", 1, 10))
	if n := count(t, open(t, Options{Dir: copied(t, dir)})); n != taken {
		t.Errorf("%d events are there, want %d", n, taken)
	}
}

func FuzzFrames(f *testing.F) {
	header := binary.LittleEndian.AppendUint64([]byte(logMagic), 1)
	header = append(header, "random.."...)
	one, end := []byte("123456789012hello"), make([]byte, frameHeader)
	seal(one, seedOf(header))
	seal(end, seedOf(header))
	f.Add(slices.Concat(header, one, end))
	f.Add(slices.Concat(header, []byte("\xff\xff\xff\x0f1234hello"), one))
	f.Add([]byte("synchost log 2\n\x00\x01\x00\x00\x00\x00\x00\x00\x00random.."))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := logHeader
		if _, err := readFrames(bytes.NewReader(data), 1, func(body []byte) error { n += frameHeader + len(body); return nil }); n > max(len(data), logHeader) {
			t.Errorf("%d bytes were read of %d (%v)", n, len(data), err)
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
