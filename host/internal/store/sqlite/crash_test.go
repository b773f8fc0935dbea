package sqlite

import (
	"bufio"
	"fmt"
	"testing"
)

// TestNoAcceptedEventIsLost kills a process that writes, at some moment or
// other, ten times: whatever it had been answered is there, and what is there is whole.
func TestNoAcceptedEventIsLost(t *testing.T) {
	dir := t.TempDir()
	answered := map[string]int64{}
	recorded := map[int]int64{}
	for round := range 10 {
		cmd := childProcess(t, dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			var id string
			var seq int64
			var sender int
			if _, err := fmt.Sscan(lines.Text(), &id, &seq, &sender); err != nil {
				t.Fatalf("the process says %q: %v", lines.Text(), err)
			}
			answered[id+"b"], answered[id] = seq, seq-1
			recorded[sender] = max(recorded[sender], seq)
			if n == 7*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
		checkAfterCrash(t, dir, answered, recorded)
	}
}

func checkAfterCrash(t *testing.T, dir string, answered map[string]int64, recorded map[int]int64) {
	t.Helper()
	s := open(t, Options{Dir: dir})
	defer func() { _ = s.Close() }()
	entries, err := s.Journal(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int64{}
	newest := map[string]int64{}
	for _, e := range entries {
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
		if lane.Cursor < seq || len(links) != 1 || links[0].Seq != lane.Cursor {
			t.Errorf("lane %d was at %d; now its cursor is %d and its link %+v", sender, seq, lane.Cursor, links)
		}
	}
}
