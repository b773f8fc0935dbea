package deliver

import (
	"fmt"
	"maps"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

// A product that is written time and again without any news of it is fought over:
// somebody else, or another program, puts it back each time. More calls help
// nobody, so it is left to the operator.
const (
	fuseLimit  = 10        // writes of one product for one change at its source
	fuseWindow = time.Hour // within which they count
	fuseMemory = 4096      // products whose writes are remembered
)

// fuse counts the writes of products for the newest change at their source. It is
// not on disk, and need not be: it bounds how fast a fight burns calls, and a fight
// that goes on after a restart is counted up again within as many writes. What it
// leads to, the hold, is on disk, and so is how often reconciliation found the same
// product changed.
type fuse struct {
	writes map[string]writes // by key
}

type writes struct {
	seq   int64 // of the change at the source
	count int
	since time.Time // the first of them
}

// wrote counts a write for the change at seq, and says how many there were of it.
func (f *fuse) wrote(key string, seq int64, now time.Time) int {
	w, known := f.writes[key]
	if w.seq != seq || now.Sub(w.since) > fuseWindow {
		w = writes{seq: seq, since: now}
	}
	w.count++
	if f.writes == nil {
		f.writes = map[string]writes{}
	}
	if !known && len(f.writes) >= fuseMemory {
		f.makeRoom()
	}
	f.writes[key] = w
	return w.count
}

// makeRoom forgets those that were written once, which most are.
func (f *fuse) makeRoom() {
	maps.DeleteFunc(f.writes, func(_ string, w writes) bool { return w.count == 1 })
	if len(f.writes) >= fuseMemory {
		clear(f.writes)
	}
}

// blown says whether another write for the change at seq would be too many.
func (f *fuse) blown(key string, seq int64, now time.Time) bool {
	w := f.writes[key]
	return w.seq == seq && w.count >= fuseLimit && now.Sub(w.since) <= fuseWindow
}

// cutOut puts p on hold instead of writing it once more. Once it is released, its
// writes are counted anew.
func (s *session) cutOut(p *product, e *event.Entry) {
	w := s.lane.fuse.writes[p.key]
	delete(s.lane.fuse.writes, p.key)
	reason := fmt.Sprintf("it was written %d times since %s for one change at its source, so somebody else there writes it, too: find out who, then release it",
		w.count, w.since.UTC().Format("15:04:05 MST"))
	s.note(p, e, store.Delivery{At: time.Now(), Outcome: store.Skipped, Message: reason})
	if p.link.Contended == nil { // what a look found tells more
		p.link.Contended = &store.Contended{Times: w.count}
	}
	s.lane.options.Log.Warn("put on hold: it is written again and again", "product", p.key, "writes", w.count)
	s.leave(p, store.OnHold, reason)
}
