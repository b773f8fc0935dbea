package sqlite

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/store"
)

// TestNoAcceptedEventIsLost kills processes that write, take over the log of the
// one before, hand it to the tables or close the store, at some moment or other after
// they began or after their first answer: whatever they had answered is there, once,
// and what is there is whole.
func TestNoAcceptedEventIsLost(t *testing.T) {
	dir := t.TempDir()
	answered := map[string]int64{}
	recorded := map[int]int64{}
	for round := range 24 {
		cmd := childProcess(t, dir)
		for name, value := range map[string]string{
			childFlush: []string{"1", "5000", "0"}[round%3],
			childClose: []string{"", "20ms"}[round/2%2],
		} {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		life := time.AfterFunc(time.Hour, func() { _ = cmd.Process.Kill() })
		dies := func() { life.Reset(time.Duration(rand.IntN(120)) * time.Millisecond) }
		if round%3 == round/8 {
			dies()
		}
		lines := bufio.NewScanner(out)
		for first := true; lines.Scan(); first = false {
			if first {
				dies()
			}
			var id string
			var seq int64
			var sender int
			if _, err := fmt.Sscan(lines.Text(), &id, &seq, &sender); err != nil {
				t.Fatalf("the process says %q: %v", lines.Text(), err)
			}
			answered[id+"b"], answered[id] = seq, seq-1
			recorded[sender] = max(recorded[sender], seq)
		}
		life.Stop()
		if err := cmd.Wait(); err != nil && cmd.ProcessState.Exited() {
			t.Fatalf("the process failed: %v", err)
		}
		if round%4 == 3 { // the others' logs are left to the next process
			checkAfterCrash(t, dir, answered, recorded)
		}
	}
	if len(answered) == 0 {
		t.Error("nothing was ever answered")
	}
}

func checkAfterCrash(t *testing.T, dir string, answered map[string]int64, recorded map[int]int64) {
	t.Helper()
	s := open(t, Options{Dir: dir})
	defer func() { _ = s.Close() }()
	there := map[string]int64{}
	newest := map[string]int64{}
	for _, e := range journal(t, s) {
		there[e.ID], newest[e.Key] = e.Seq, e.Seq
	}
	for id, seq := range answered {
		if there[id] != seq {
			t.Errorf("event %s was answered with position %d, and is at %d", id, seq, there[id])
		}
	}
	if len(there)%2 != 0 {
		t.Errorf("%d events of batches of two are there", len(there))
	}
	rows, err := s.Catalog(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Seq != newest[row.Key] {
			t.Errorf("the catalog has product %s as of %d, the journal as of %d", row.Key, row.Seq, newest[row.Key])
		}
	}
	deliveries, err := s.Deliveries(t.Context(), store.DeliveryQuery{Limit: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	delivered := map[int64]int{}
	for _, d := range deliveries {
		delivered[d.Seq]++
	}
	for seq, n := range delivered {
		if n != 1 {
			t.Errorf("the delivery of %d is there %d times", seq, n)
		}
	}
	for sender, seq := range recorded {
		connector, key := fmt.Sprint("lane", sender), fmt.Sprint(sender)
		lane, err := s.Lane(t.Context(), connector)
		if err != nil {
			t.Fatal(err)
		}
		links, err := s.Links(t.Context(), connector, []string{key})
		if err != nil {
			t.Fatal(err)
		}
		if delivered[seq] != 1 || delivered[lane.Cursor] != 1 {
			t.Errorf("lane %d delivered %d and %d, and they are not on record", sender, seq, lane.Cursor)
		}
		if lane.Cursor < seq || len(links) != 1 || links[0].Seq != lane.Cursor {
			t.Errorf("lane %d was at %d; now its cursor is %d and its link %+v", sender, seq, lane.Cursor, links)
		}
	}
}
