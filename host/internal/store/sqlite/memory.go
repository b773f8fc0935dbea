package sqlite

import (
	"slices"
	"sync"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

// memory is what readers see beside the tables: the tail that grows, and the one
// before it while it is being written to the tables. What is in neither is in the
// tables, so who looks here first and there second misses nothing.
type memory struct {
	// Held by who has to read both as one: meanwhile nothing leaves memory. It is
	// taken before a connection is.
	both sync.RWMutex

	mu      sync.RWMutex
	active  *tail
	flushed *tail // nil: none is being written
	next    int64 // position of the next event
	changed chan struct{}
}

func newMemory(next int64) *memory {
	return &memory{active: newTail(), next: next, changed: make(chan struct{})}
}

// add makes what a commit wrote visible.
func (m *memory) add(t *tail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active.add(t)
	if len(t.entries) > 0 {
		m.next += int64(len(t.entries))
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

// rotate begins a new tail and returns the old one.
func (m *memory) rotate() *tail {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flushed, m.active = m.active, newTail()
	return m.flushed
}

// drop forgets the tail that is in the tables now.
func (m *memory) drop() {
	m.both.Lock()
	defer m.both.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flushed = nil
}

// look calls fn with the tails, the newer first. They must not be changed, nor
// kept.
func (m *memory) look(fn func(tails []*tail)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.flushed == nil {
		fn([]*tail{m.active})
		return
	}
	fn([]*tail{m.active, m.flushed})
}

func (m *memory) head() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.next - 1
}

func (m *memory) appended() <-chan struct{} {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.changed
}

// position is where an event is, 0 when it is not here.
func (m *memory) position(id eventID) (seq int64) {
	m.look(func(tails []*tail) {
		for _, t := range tails {
			if at, ok := t.ids[id]; ok {
				seq = at
			}
		}
	})
	return seq
}

// product is a product's catalog row, nil when it is not here.
func (m *memory) product(key string) (row *event.Entry) {
	m.look(func(tails []*tail) { row = productIn(tails, key) })
	return row
}

func productIn(tails []*tail, key string) *event.Entry {
	for _, t := range tails {
		if row := t.products[key]; row != nil {
			return row
		}
	}
	return nil
}

// lane is a connector's lane, nil when it is not here.
func (m *memory) lane(connector string) (lane *store.Lane) {
	m.look(func(tails []*tail) {
		for _, t := range slices.Backward(tails) {
			if l := t.lanes[connector]; l != nil {
				lane = l
			}
		}
	})
	return lane
}

// linkIn is what is here of a link; there is false when nothing is, and the link
// is nil when it was forgotten.
func linkIn(tails []*tail, id linkID) (link *store.Link, there bool) {
	for _, t := range tails {
		if link, there = t.links[id]; there {
			return link, true
		}
	}
	return nil, false
}

// hasLink says whether what the tables have of a link is out of date.
func (m *memory) hasLink(connector, key string) (there bool) {
	m.look(func(tails []*tail) { _, there = linkIn(tails, linkID{connector, key}) })
	return there
}

// behind calls fn with every link that is here and not in step.
func (m *memory) behind(fn func(*store.Link)) {
	m.look(func(tails []*tail) {
		for i, t := range tails {
			for id, link := range t.behind {
				if _, newer := linkIn(tails[:i], id); !newer {
					fn(link)
				}
			}
		}
	})
}

// first is the position from which on all entries are here.
func (m *memory) first() (first int64) {
	m.look(func([]*tail) { first = m.firstHere() })
	return first
}

// firstHere is first, of who looks.
func (m *memory) firstHere() int64 {
	first := m.next - int64(len(m.active.entries))
	if m.flushed != nil {
		first -= int64(len(m.flushed.entries))
	}
	return first
}

// journal appends to list up to limit entries behind after that keep lets pass,
// as long as they are no more than size bytes. It says false, and does nothing,
// when not all of what is behind after is here.
func (m *memory) journal(list []event.Entry, after int64, limit, size int, keep func(tails []*tail, e *event.Entry) *event.Entry) (_ []event.Entry, here bool) {
	m.look(func(tails []*tail) {
		seq := m.firstHere()
		if here = after+1 >= seq; !here {
			return
		}
		for _, t := range slices.Backward(tails) {
			from := min(max(after+1-seq, 0), int64(len(t.entries)))
			for i := range t.entries[from:] {
				if limit <= 0 || size <= 0 {
					return
				}
				if e := keep(tails, &t.entries[from:][i].Entry); e != nil {
					list = append(list, *e)
					limit--
					size -= event.Size(&e.Product, e.Raw)
				}
			}
			seq += int64(len(t.entries))
		}
	})
	return list, here
}
