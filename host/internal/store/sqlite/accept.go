package sqlite

import (
	"encoding/json"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

// accept writes one event: a journal row, and the catalog row where it changes.
func (w *writer) accept(e *event.Event, now time.Time) (store.Receipt, error) {
	row, rowID, err := w.product(e.Key)
	if err != nil {
		return store.Receipt{}, err
	}
	entry, changes := store.Merge(row, e)
	entry.Seq, entry.Accepted = w.next, now

	blob, err := encode(&entry.Product)
	if err != nil {
		return store.Receipt{}, err
	}
	inserted, err := w.insertEvent(&entry, blob)
	if err != nil {
		return store.Receipt{}, err
	}
	if !inserted {
		seq, err := w.position(e.Source, e.ID)
		return store.Receipt{Seq: seq, Duplicate: true}, err
	}
	w.next++
	switch {
	case !changes:
	case row == nil:
		err = bind(w.conn, "INSERT INTO products (seq, changed, key, deleted, known) VALUES (?,?,?,?,?)").
			int(entry.Seq).time(now).text(entry.Key).bool(entry.Deleted).list(entry.Known).run()
		rowID = w.conn.LastInsertRowID()
	default:
		err = bind(w.conn, "UPDATE products SET seq = ?, changed = ?, deleted = ?, known = ? WHERE id = ?").
			int(entry.Seq).time(now).bool(entry.Deleted).list(entry.Known).int(rowID).run()
	}
	if changes && err == nil {
		w.remember(&entry, rowID)
	}
	return store.Receipt{Seq: entry.Seq}, err
}

// What the writer remembers is bounded by products and by bytes.
const (
	maxRecent      = 4096
	maxRecentBytes = 8 << 20
)

// recent is a catalog row that the writer knows without reading it.
type recent struct {
	entry event.Entry
	id    int64
	size  int
}

// remember keeps a product that was just written: it often changes again soon.
// What is forgotten is read again, so a failed transaction just forgets all.
func (w *writer) remember(entry *event.Entry, id int64) {
	size := event.Size(&entry.Product, nil)
	if len(w.recent) >= maxRecent || w.recentBytes+size > maxRecentBytes {
		w.forgetRecent()
	}
	w.recentBytes += size - w.recent[entry.Key].size
	row := event.Entry{Key: entry.Key, Seq: entry.Seq, Accepted: entry.Accepted,
		Product: entry.Product, Deleted: entry.Deleted, Known: entry.Known}
	w.recent[entry.Key] = recent{row, id, size}
}

func (w *writer) forgetRecent() {
	clear(w.recent)
	w.recentBytes = 0
}

// product is the catalog's row of key as the transaction sees it; nil: none.
func (w *writer) product(key string) (row *event.Entry, id int64, err error) {
	if known, ok := w.recent[key]; ok {
		return &known.entry, known.id, nil
	}
	err = bind(w.conn, selectProducts+"WHERE p.key = ?").text(key).each(func(r *scanner) {
		e := r.catalogRow()
		row, id = &e, r.int()
	})
	return row, id, err
}

// insertEvent says false where the event is there already.
func (w *writer) insertEvent(e *event.Entry, product []byte) (bool, error) {
	var raw []byte
	if e.Raw != nil {
		var err error
		if raw, err = json.Marshal(e.Raw); err != nil {
			return false, err
		}
	}
	err := bind(w.conn, "INSERT INTO events ("+entryColumns+") VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (source, id) DO NOTHING").
		int(e.Seq).time(e.Accepted).text(e.Key).bool(e.Deleted).list(e.Fields).blob(product).
		text(e.Source).text(e.ID).text(string(e.Op)).time(e.Time).bool(e.Hint).blob(raw).run()
	return w.conn.Changes() > 0, err
}

func (w *writer) position(source, id string) (seq int64, err error) {
	err = bind(w.conn, "SELECT seq FROM events WHERE source = ? AND id = ?").text(source).text(id).
		each(func(r *scanner) { seq = r.int() })
	return seq, err
}
