package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

const (
	modelKeys   = 12
	modelRounds = 60
)

var modelTests = []test{
	{"who reads beside writers misses nothing, and sees nothing older than what was answered", func(t *testing.T, f *fixture) {
		m := &model{fixture: f, products: newVersions(), links: newVersions(), lane: newVersions()}
		var writing, reading sync.WaitGroup
		writing.Go(func() { m.accept(t, 0) })
		writing.Go(func() { m.accept(t, 1) })
		writing.Go(func() { m.record(t) })
		done := make(chan struct{})
		for _, read := range []func(*testing.T, *rand.Rand){m.readCatalog, m.readJournal, m.readHistory, m.readRows, m.readBehind, m.readNextDue} {
			reading.Go(func() {
				random := rand.New(rand.NewPCG(1, 2))
				for !t.Failed() {
					read(t, random)
					select {
					case <-done:
						read(t, random) // now all is exact
						return
					default:
					}
				}
			})
		}
		writing.Wait()
		close(done)
		reading.Wait()
	}},
}

// model knows which version of everything a reader may see: none before the last
// that was answered when it began, none behind the last that was begun when it ended.
type model struct {
	*fixture
	products, links, lane *versions
}

// versions counts the versions of things by key.
type versions struct {
	mu          sync.Mutex
	begun, done map[string]int
	seqs        map[string]int64 // of the last that is done
	head        int64
}

func newVersions() *versions {
	return &versions{begun: map[string]int{}, done: map[string]int{}, seqs: map[string]int64{}}
}

func (v *versions) begin(key string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.begun[key]++
	return v.begun[key]
}

func (v *versions) end(key string, n int, seq int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done[key], v.seqs[key], v.head = n, seq, max(v.head, seq)
}

// window is what a read may see.
type window struct {
	from, to map[string]int
	seqs     map[string]int64
	head     int64
}

// during runs a read and returns what it may have seen.
func (v *versions) during(read func() error) (window, error) {
	v.mu.Lock()
	w := window{from: maps.Clone(v.done), seqs: maps.Clone(v.seqs), head: v.head}
	v.mu.Unlock()
	err := read()
	v.mu.Lock()
	defer v.mu.Unlock()
	w.to = maps.Clone(v.begun)
	return w, err
}

// stable says whether a key stood still.
func (w window) stable(key string) bool { return w.from[key] == w.to[key] }

func (w window) check(t *testing.T, what, key string, n int) {
	t.Helper()
	if n < w.from[key] || n > w.to[key] {
		t.Errorf("%s has version %d of %s; %d was answered before, and %d was begun", what, n, key, w.from[key], w.to[key])
	}
}

func modelKey(i int) string { return fmt.Sprint("key-", i) }

// accept changes products, some of them twice at once, and sends some again.
func (m *model) accept(t *testing.T, half int) {
	random := rand.New(rand.NewPCG(3, uint64(half)))
	sent, at := []event.Event{}, []int64{}
	for range modelRounds {
		var batch []event.Event
		for range 1 + random.IntN(3) {
			key := modelKey(random.IntN(modelKeys/2)*2 + half)
			n := m.products.begin(key)
			batch = append(batch, named(fmt.Sprint(key, "-", n), key, strconv.Itoa(n)))
		}
		receipts, err := m.Accept(t.Context(), batch)
		if err != nil {
			t.Error(err)
			return
		}
		for i, r := range receipts {
			n, _ := strconv.Atoi(batch[i].Patch.Product.Name)
			m.products.end(batch[i].Key, n, r.Seq)
			sent, at = append(sent, batch[i]), append(at, r.Seq)
		}
		again := random.IntN(len(sent))
		if receipts, err := m.Accept(t.Context(), sent[again:again+1]); err != nil || receipts[0] != (store.Receipt{Seq: at[again], Duplicate: true}) {
			t.Errorf("an event that is at %d was answered with %+v (%v)", at[again], receipts, err)
		}
	}
}

// modelLink is the n-th version of a link; nil: it was forgotten. Times are unlike.
func modelLink(key string, n int) *store.Link {
	random := rand.New(rand.NewPCG(uint64(n), uint64(key[len(key)-1])))
	link := &store.Link{Connector: "shop", Key: key, Seq: int64(n), Remote: sdk.Remote{ID: key}}
	switch random.IntN(4) {
	case 0, 1:
		link.State = store.Due
		i, _ := strconv.Atoi(key[len("key-"):])
		link.Next = start.Add(time.Duration(random.IntN(1000))*time.Second + time.Duration(i*1000+n%1000)*time.Microsecond)
	case 2:
		return nil
	}
	return link
}

func (m *model) record(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 2 * modelRounds {
		n := m.lane.begin("shop")
		r := store.Record{Connector: "shop", Lane: &store.Lane{Connector: "shop", Cursor: int64(n)}}
		changed := map[string]int{}
		for _, i := range random.Perm(modelKeys)[:1+random.IntN(4)] {
			key := modelKey(i)
			changed[key] = m.links.begin(key)
			if link := modelLink(key, changed[key]); link != nil {
				r.Links = append(r.Links, *link)
			} else {
				r.Forget = append(r.Forget, key)
			}
		}
		if err := m.Record(t.Context(), r); err != nil {
			t.Error(err)
			return
		}
		m.lane.end("shop", n, 0)
		for key, n := range changed {
			m.links.end(key, n, 0)
		}
	}
}

func (m *model) readCatalog(t *testing.T, random *rand.Rand) {
	limit := 1 + random.IntN(modelKeys+3)
	var rows []event.Entry
	w, err := m.products.during(func() (err error) { rows, err = m.Catalog(t.Context(), 0, limit); return err })
	if err != nil || len(rows) > limit {
		t.Errorf("up to %d rows were asked for, and %d came (%v)", limit, len(rows), err)
	}
	seen, last := map[string]int{}, int64(0)
	for _, row := range rows {
		n, _ := strconv.Atoi(row.Product.Name)
		w.check(t, "the catalog", row.Key, n)
		// One that changes meanwhile may come twice, as what it is then.
		if n <= seen[row.Key] || row.Seq <= last {
			t.Errorf("version %d of %s at %d comes after version %d, or position %d", n, row.Key, row.Seq, seen[row.Key], last)
		}
		seen[row.Key], last = n, row.Seq
	}
	for key, seq := range w.seqs {
		if w.stable(key) && seen[key] == 0 && (len(rows) < limit || seq < last) {
			t.Errorf("%s at %d is not in the catalog's first %d, up to %d", key, seq, len(rows), last)
		}
	}
}

func (m *model) readJournal(t *testing.T, random *rand.Rand) {
	limit := 1 + random.IntN(300)
	var entries []event.Entry
	var after int64
	w, err := m.products.during(func() (err error) {
		after = random.Int64N(max(1, m.products.newest()))
		entries, err = m.Journal(t.Context(), after, limit)
		return err
	})
	if err != nil || len(entries) > limit {
		t.Errorf("up to %d entries were asked for, and %d came (%v)", limit, len(entries), err)
	}
	for i, e := range entries {
		if e.Seq != after+int64(i)+1 {
			t.Errorf("entry %d behind %d has position %d", i, after, e.Seq)
		}
	}
	if last := after + int64(len(entries)); len(entries) < limit && last < w.head {
		t.Errorf("the journal ends at %d, and %d was answered", last, w.head)
	}
}

func (v *versions) newest() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.head
}

func (m *model) readHistory(t *testing.T, random *rand.Rand) {
	key, limit := modelKey(random.IntN(modelKeys)), 1+random.IntN(200)
	var entries []event.Entry
	w, err := m.products.during(func() (err error) { entries, err = m.History(t.Context(), key, 0, limit); return err })
	if err != nil || len(entries) > limit {
		t.Errorf("up to %d entries were asked for, and %d came (%v)", limit, len(entries), err)
	}
	for i, e := range entries {
		if e.Product.Name != strconv.Itoa(i+1) {
			t.Errorf("entry %d of %s is version %s", i, key, e.Product.Name)
		}
	}
	if len(entries) < limit {
		w.check(t, "the history", key, len(entries))
	}
}

// readRows reads what is looked up by key.
func (m *model) readRows(t *testing.T, _ *rand.Rand) {
	keys := make([]string, modelKeys)
	for i := range keys {
		keys[i] = modelKey(i)
	}
	seen := map[string]int{}
	w, err := m.products.during(func() error {
		rows, err := m.Products(t.Context(), keys)
		for _, row := range rows {
			seen[row.Key], _ = strconv.Atoi(row.Product.Name)
		}
		return err
	})
	for _, key := range keys {
		w.check(t, "Products", key, seen[key])
	}
	if err != nil {
		t.Error(err)
	}
	there := map[string]int{}
	w, err = m.links.during(func() error {
		links, err := m.Links(t.Context(), "shop", keys)
		for _, link := range links {
			there[link.Key] = int(link.Seq)
		}
		return err
	})
	for _, key := range keys {
		if n, ok := there[key]; ok {
			w.check(t, "Links", key, n)
		} else if w.stable(key) && w.from[key] > 0 && modelLink(key, w.from[key]) != nil {
			t.Errorf("the link of %s is not there", key)
		}
	}
	if err != nil {
		t.Error(err)
	}
	var lane store.Lane
	w, err = m.lane.during(func() (err error) { lane, err = m.Lane(t.Context(), "shop"); return err })
	w.check(t, "the cursor", "shop", int(lane.Cursor))
	if err != nil {
		t.Error(err)
	}
}

func (m *model) readBehind(t *testing.T, random *rand.Rand) {
	until, limit := start.Add(time.Duration(random.IntN(1200))*time.Second), 1+random.IntN(modelKeys)
	var links []store.Link
	w, err := m.links.during(func() (err error) { links, err = m.Behind(t.Context(), "shop", store.Due, until, limit); return err })
	if err != nil || len(links) > limit {
		t.Errorf("up to %d links were asked for, and %d came (%v)", limit, len(links), err)
	}
	seen, last := map[string]bool{}, time.Time{}
	for _, link := range links {
		w.check(t, "Behind", link.Key, int(link.Seq))
		if seen[link.Key] || link.Next.Before(last) || link.Next.After(until) || link.State != store.Due {
			t.Errorf("%+v is there again, or after %v, or not due by %v", link, last, until)
		}
		seen[link.Key], last = true, link.Next
	}
	for key, n := range w.from {
		if link := modelLink(key, n); w.stable(key) && link != nil && link.State == store.Due && !link.Next.After(until) &&
			!seen[key] && (len(links) < limit || link.Next.Before(last)) {
			t.Errorf("%s is due, and not among the %d of up to %d", key, len(links), limit)
		}
	}
}

func (m *model) readNextDue(t *testing.T, random *rand.Rand) {
	after := start.Add(time.Duration(random.IntN(1200)) * time.Second)
	var next time.Time
	w, err := m.links.during(func() (err error) { next, err = m.NextDue(t.Context(), "shop", after); return err })
	if err != nil {
		t.Error(err)
	}
	known := next.IsZero()
	for key, from := range w.from {
		for n := max(1, from); n <= w.to[key]; n++ {
			link := modelLink(key, n)
			due := link != nil && link.State == store.Due && link.Next.After(after)
			known = known || due && link.Next.Equal(next)
			if due && w.stable(key) && (next.IsZero() || link.Next.Before(next)) {
				t.Errorf("%s is due at %v, and the next after %v is said to be at %v", key, link.Next, after, next)
			}
		}
	}
	for key, to := range w.to {
		for n := max(1, w.from[key]); n <= to; n++ {
			if link := modelLink(key, n); link != nil && link.Next.Equal(next) {
				known = true
			}
		}
	}
	if !known {
		t.Errorf("nothing was due at %v, which is said to be the next after %v", next, after)
	}
}
