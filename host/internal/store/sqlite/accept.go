package sqlite

import (
	"math"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

// accept adds one event to the commit being made: a journal row, and the catalog
// row where it changes.
func (w *writer) accept(e *event.Event, now time.Time) (store.Receipt, error) {
	id := eventID{e.Source, e.ID}
	hash := w.salt.ofID(id)
	if seq, err := w.position(id, hash); err != nil || seq > 0 {
		return store.Receipt{Seq: seq, Duplicate: true}, err
	}
	row, err := w.product(e.Key)
	if err != nil {
		return store.Receipt{}, err
	}
	entry, changes := store.Merge(row, e)
	entry.Seq, entry.Accepted, entry.Time = w.next, now, stored(entry.Time)
	product, err := encode(&entry.Product)
	if err != nil {
		return store.Receipt{}, err
	}
	if err := w.frame.row(inEvents).entry(&entry, product).err; err != nil {
		return store.Receipt{}, err
	}
	if changes {
		row := &event.Entry{Key: entry.Key, Seq: entry.Seq, Accepted: now, Product: entry.Product, Deleted: entry.Deleted, Known: entry.Known}
		w.frame.row(inProducts).catalogRow(row)
		w.stage.addProduct(row)
		w.remember(row)
	}
	entry.Known = nil // which is the catalog's
	w.stage.addEntry(&entry, product)
	w.seen.add(hash, entry.Seq)
	w.next++
	return store.Receipt{Seq: entry.Seq}, nil
}

// stored is a time as the tables keep it.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Truncate(time.Microsecond).UTC()
}

// What the writer remembers is bounded by products and by bytes.
const (
	maxRecent      = 4096
	maxRecentBytes = 8 << 20
)

// recent is a catalog row that the writer knows without reading it.
type recent struct {
	row  *event.Entry
	size int
}

// remember keeps a product that was just written: it often changes again soon.
// What is forgotten is read again, so a failed commit just forgets all.
func (w *writer) remember(row *event.Entry) {
	size := event.Size(&row.Product, nil)
	if len(w.recent) >= maxRecent || w.recentBytes+size > maxRecentBytes {
		w.forgetRecent()
	}
	w.recentBytes += size - w.recent[row.Key].size
	w.recent[row.Key] = recent{row, size}
}

func (w *writer) forgetRecent() {
	clear(w.recent)
	w.recentBytes = 0
}

// product is the catalog's row of key as the commit sees it; nil: none.
func (w *writer) product(key string) (*event.Entry, error) {
	if known, ok := w.recent[key]; ok {
		return known.row, nil
	}
	if row := productIn([]*tail{w.stage}, key); row != nil {
		return row, nil
	}
	row := w.memory.product(key)
	if row != nil {
		return row, nil
	}
	s := prepare(w.read, selectProducts+"WHERE p.key = ?")
	s.text(key)
	err := s.each(func(v *values) {
		e := v.catalogRow()
		row = &e
	})
	return row, err
}

// position is where an event is already; 0: nowhere.
func (w *writer) position(id eventID, hash uint64) (seq int64, err error) {
	if seq := w.stage.ids[id]; seq > 0 {
		return seq, nil
	}
	if seq := w.memory.position(id); seq > 0 {
		return seq, nil
	}
	for _, place := range w.seen.places(hash) {
		found, err := positions(w.read, byID, hash, place.first, place.last, math.MaxInt)
		if err != nil {
			return 0, err
		}
		for _, at := range found {
			s := prepare(w.read, "SELECT seq FROM events WHERE seq = ? AND source = ? AND id = ?")
			s.int(at).text(id.source).text(id.id)
			if err := s.each(func(v *values) { seq = v.int() }); err != nil || seq > 0 {
				return seq, err
			}
		}
	}
	return 0, nil
}
