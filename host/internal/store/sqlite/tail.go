package sqlite

import (
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// tail is what the log has and the tables do not yet: the newest of everything,
// which is also what is read most.
type tail struct {
	entries    []logged                // of the journal, in order and without a gap
	ids        map[eventID]int64       // their positions
	products   map[string]*event.Entry // catalog rows that changed
	links      map[linkID]*store.Link  // nil: forgotten
	behind     map[linkID]*store.Link  // those of links that are not in step
	lanes      map[string]*store.Lane
	deliveries []store.Delivery
	bytes      int // about what all this takes, with its maps
}

// logged is a journal entry with the stored form of its product.
type logged struct {
	event.Entry
	product []byte
}

type eventID struct{ source, id string }

type linkID struct{ connector, key string }

func newTail() *tail {
	return &tail{ids: map[eventID]int64{}, products: map[string]*event.Entry{}, links: map[linkID]*store.Link{},
		behind: map[linkID]*store.Link{}, lanes: map[string]*store.Lane{}}
}

func (t *tail) empty() bool {
	return len(t.entries)+len(t.links)+len(t.lanes)+len(t.deliveries) == 0
}

// add joins a later one.
func (t *tail) add(later *tail) {
	t.entries = append(t.entries, later.entries...)
	for id, seq := range later.ids {
		t.ids[id] = seq
	}
	for key, row := range later.products {
		t.products[key] = row
	}
	for id, link := range later.links {
		t.setLink(id, link)
	}
	for name, lane := range later.lanes {
		t.lanes[name] = lane
	}
	t.deliveries = append(t.deliveries, later.deliveries...)
	t.bytes += later.bytes
}

func (t *tail) addEntry(e *event.Entry, product []byte) {
	t.entries = append(t.entries, logged{*e, product})
	t.ids[eventID{e.Source, e.ID}] = e.Seq
	t.bytes += 384 + len(product) + event.Size(&e.Product, e.Raw)
}

// addProduct adds a row, whose texts are those of its entry.
func (t *tail) addProduct(row *event.Entry) {
	t.products[row.Key] = row
	t.bytes += 896
}

func (t *tail) setLink(id linkID, l *store.Link) {
	if t.links[id] = l; l != nil && l.State != store.InStep {
		t.behind[id] = l
	} else {
		delete(t.behind, id)
	}
}

func (t *tail) addLink(l *store.Link) {
	t.setLink(linkID{l.Connector, l.Key}, l)
	t.bytes += 512
	for _, p := range []*sdk.Product{l.Base, l.Sent} {
		if p != nil {
			t.bytes += event.Size(p, nil)
		}
	}
}

func (t *tail) forget(connector, key string) {
	t.setLink(linkID{connector, key}, nil)
	t.bytes += 128
}

func (t *tail) addLane(l *store.Lane) {
	t.lanes[l.Connector] = l
	t.bytes += 128 + 8*len(l.Open)
}

func (t *tail) addDelivery(d *store.Delivery) {
	t.deliveries = append(t.deliveries, *d)
	t.bytes += 512 + len(d.Exchange.Request) + len(d.Exchange.Response) + len(d.Message)
	for _, p := range []*sdk.Product{d.Before, d.Wanted} {
		if p != nil {
			t.bytes += event.Size(p, nil)
		}
	}
}
