package sqlite

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/store"
)

// tables is the one goroutine that writes to the tables. It takes over what the
// log has, many commits at a time, so that rows of one product, and rows that are
// neighbours in an index, are written together.
type tables struct {
	conn    *sqlite.Conn
	salt    salt
	memory  *memory
	log     *log
	flushes chan flush
	tried   chan error    // the outcome of each try of a flush
	again   chan struct{} // asks for a try at once
	jobs    chan job
	quit    chan struct{}
	done    chan struct{}
}

// flush is a tail to be taken over, and the segment that has it.
type flush struct {
	tail    *tail
	segment int64
	waiting []chan<- error // told of the first try
}

// job is something else to write.
type job struct {
	do     func(*sqlite.Conn) error
	result chan error
}

// flushRetry is how long after a failure the next try comes by itself.
const flushRetry = time.Second

func startTables(conn *sqlite.Conn, salt salt, m *memory, l *log) *tables {
	t := &tables{conn: conn, salt: salt, memory: m, log: l, flushes: make(chan flush, 1), tried: make(chan error), again: make(chan struct{}, 1),
		jobs: make(chan job), quit: make(chan struct{}), done: make(chan struct{})}
	go t.run()
	return t
}

func (t *tables) run() {
	defer close(t.done)
	afterOthers() // it is not what a sender waits for
	var pending *flush
	for {
		flushes, retry := t.flushes, (<-chan time.Time)(nil)
		if pending != nil { // it failed
			flushes, retry = nil, time.After(flushRetry)
		}
		select {
		case f := <-flushes:
			pending = &f
		case <-retry:
		case <-t.again:
		case j := <-t.jobs:
			j.result <- transact(t.conn, func() error { return j.do(t.conn) })
			continue
		case <-t.quit:
			return
		}
		if pending == nil {
			continue
		}
		err := t.take(*pending)
		for _, waiting := range pending.waiting {
			waiting <- err
		}
		if pending.waiting = nil; err == nil {
			pending = nil
		}
		select {
		case t.tried <- err:
		case <-t.quit:
			return
		}
	}
}

// stop ends the goroutine. What it could not write stays in the log.
func (t *tables) stop() {
	close(t.quit)
	<-t.done
}

// take writes a tail to the tables. Then its segment, and its place in memory,
// are free.
func (t *tables) take(f flush) error {
	if err := transact(t.conn, func() error { return write(t.conn, t.salt, f.tail, f.segment) }); err != nil {
		return err
	}
	t.memory.drop()
	_ = t.log.release(f.segment) // if not, the next start finds it taken over
	return nil
}

// transact runs fn in a transaction.
func transact(conn *sqlite.Conn, fn func() error) error {
	err := run(conn, "BEGIN IMMEDIATE", none)
	if err == nil {
		err = fn()
	}
	if err == nil {
		err = run(conn, "COMMIT", none)
	}
	if err != nil && !conn.AutocommitEnabled() {
		err = errors.Join(err, run(conn, "ROLLBACK", none))
	}
	return explain(err)
}

// write writes all of a tail, and that the log is taken over up to segment.
func write(conn *sqlite.Conn, salt salt, t *tail, segment int64) error {
	var err error
	each := func(query string, fill func(*columns)) {
		if err == nil {
			err = run(conn, query, fill)
		}
	}
	for i := range t.entries {
		each(insertEvent, func(c *columns) { c.entry(&t.entries[i].Entry, t.entries[i].product) })
	}
	if err == nil {
		err = addRun(conn, salt, t.entries)
	}
	for _, key := range slices.Sorted(maps.Keys(t.products)) {
		each(putProduct, func(c *columns) { c.catalogRow(t.products[key]) })
	}
	ids := slices.SortedFunc(maps.Keys(t.links), func(a, b linkID) int {
		return cmp.Or(cmp.Compare(a.connector, b.connector), cmp.Compare(a.key, b.key))
	})
	for _, id := range ids {
		if link := t.links[id]; link != nil {
			each(putLink, func(c *columns) { c.link(link) })
		} else {
			each("DELETE FROM links WHERE connector = ? AND key = ?", func(c *columns) { c.text(id.connector).text(id.key) })
		}
	}
	for i := range t.deliveries {
		each(insertDelivery, func(c *columns) { c.delivery(&t.deliveries[i]) })
	}
	for _, lane := range t.lanes {
		each(putLane, func(c *columns) { c.lane(lane) })
	}
	each("UPDATE log SET segment = ?", func(c *columns) { c.int(segment) })
	return err
}

const (
	insertEvent    = "INSERT INTO events (" + entryColumns + ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
	insertDelivery = "INSERT INTO deliveries (" + deliveryColumns + ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	putProduct     = "INSERT INTO products (" + productColumns + ") VALUES (?,?,?,?,?)" +
		" ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, changed = excluded.changed, deleted = excluded.deleted, known = excluded.known"
	putLane = "INSERT INTO lanes (" + laneColumns + ") VALUES (?,?,?,?,?,?)" +
		" ON CONFLICT (connector) DO UPDATE SET cursor = excluded.cursor, open = excluded.open, state = excluded.state," +
		" reason = excluded.reason, policy = excluded.policy"
	putLink = "INSERT INTO links (" + linkColumns + ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)" +
		" ON CONFLICT (connector, key) DO UPDATE SET remote = excluded.remote, version = excluded.version, base = excluded.base, sent = excluded.sent," +
		" archived = excluded.archived, state = excluded.state, seq = excluded.seq, attempts = excluded.attempts," +
		" next = excluded.next, unknown = excluded.unknown, reason = excluded.reason," +
		" edited = excluded.edited, restore = excluded.restore, contended = excluded.contended, changed = excluded.changed"
)

// recoverLog takes over what a host that died left in the log, and returns the
// number of the next segment.
func recoverLog(conn *sqlite.Conn, salt salt, dir string) (next int64, err error) {
	var applied int64
	s := prepare(conn, "SELECT segment FROM log")
	if err := s.each(func(v *values) { applied = v.int() }); err != nil {
		return 0, err
	}
	numbers, err := segments(dir)
	if err != nil {
		return 0, err
	}
	for i, number := range numbers {
		if number <= applied {
			continue
		}
		if number != applied+1 {
			return 0, incomplete(segmentName(applied+1) + " is missing")
		}
		t := newTail()
		ended, err := readSegment(dir, number, t.read)
		if err == nil && !ended && i+1 < len(numbers) {
			// The next may have been begun, but not used.
			later := newTail()
			if _, err = readSegment(dir, numbers[i+1], later.read); err == nil && !later.empty() {
				err = incomplete(segmentName(number) + " ends too soon")
			}
		}
		if err == nil {
			err = transact(conn, func() error { return write(conn, salt, t, number) })
		}
		if err != nil {
			return 0, err
		}
		applied = number
	}
	return applied + 1, forgetSegments(dir, numbers)
}

// read adds the rows of a frame.
func (t *tail) read(body []byte) error {
	r := &frameReader{rest: body}
	v := &values{from: r}
	for r.more() {
		switch table := r.table(); table {
		case inEvents:
			e := v.entry()
			product, err := encode(&e.Product)
			v.fail(e.Key, err)
			t.addEntry(&e, product)
		case inProducts:
			row := v.catalogColumns()
			t.addProduct(&row)
		case inLanes:
			lane := v.lane()
			t.addLane(&lane)
		case inLinks:
			link := v.link()
			t.addLink(&link)
		case forgotten:
			t.forget(v.text(), v.text())
		case inDeliveries:
			d := v.delivery()
			t.addDelivery(&d)
		default:
			return damaged(errors.New("the log has a row of no table"))
		}
	}
	return errors.Join(r.err, v.err)
}

// do has the goroutine run fn in a transaction.
func (t *tables) do(fn func(*sqlite.Conn) error) error {
	j := job{fn, make(chan error, 1)}
	select {
	case t.jobs <- j:
		return <-j.result
	case <-t.done:
		return store.ErrClosed
	}
}
