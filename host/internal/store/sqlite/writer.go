package sqlite

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

const (
	// These bound the events that wait for the disk; beyond them Accept answers
	// store.ErrBusy, and the sender is told to come back.
	defaultMaxWaiting = 20_000
	maxWaitingBytes   = 8 << 20
	// One commit is of so many rows and bytes, and its last part, so that no one
	// waits long for others' rows.
	maxGroup      = 2_000
	maxGroupBytes = 2 << 20

	// The tail goes to the tables when it is this large, or this old. It may grow
	// further while the one before it is being written, to so many times as much.
	defaultFlushBytes = 8 << 20
	flushAge          = 500 * time.Millisecond
	maxFlushes        = 2
)

// writer is the one goroutine that commits: it writes to the log. Work that
// arrives while it does is committed together, next.
type writer struct {
	log     *log
	tables  *tables
	memory  *memory
	read    *sqlite.Conn // for what is in the tables
	now     func() time.Time
	queue   chan *work
	stopped chan struct{} // closed when no more work is taken
	done    chan struct{} // closed when the goroutine has ended
	once    sync.Once

	waiting    atomic.Int64 // events in the queue
	bytes      atomic.Int64 // of them
	maxWaiting int64
	flushBytes int
	warn       func(message string, args ...any)

	// Only the goroutine uses what follows.
	next        int64             // position of the next event
	stage       *tail             // what the commit being made writes
	frame       *frame            // the same, for the log
	recent      map[string]recent // catalog rows by key
	recentBytes int
	seen        *seen
	salt        salt
	busy        bool           // a tail is being written to the tables
	born        time.Time      // when the first of the active tail was committed
	asked       []chan<- error // who waits for all to be in the tables
	trouble     error          // why the tables could not be written
	stuck       error          // why the next segment could not be begun

	commits prometheus.Histogram
	group   prometheus.Histogram
}

// work is something to write. do may run twice: alone, when the group it was
// first in failed.
type work struct {
	do     func(*writer) error
	rows   int
	events int
	bytes  int // of the events
	result chan error
}

func newWriter(options Options) (*writer, error) {
	w := &writer{
		now:        options.Now,
		maxWaiting: options.maxWaiting,
		flushBytes: options.flushBytes,
		warn:       options.Log.Warn,
		queue:      make(chan *work, 1024),
		stopped:    make(chan struct{}),
		done:       make(chan struct{}),
		frame:      newFrame(nil),
		recent:     map[string]recent{},
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "synchost_store_commit_seconds", Help: "Time of one commit, with its sync to disk.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		group: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "synchost_store_commit_rows", Help: "Rows that shared one commit.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 7),
		}),
	}
	if options.Metrics == nil {
		return w, nil
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "synchost_store_waiting_events", Help: "Events that wait for their commit.",
	}, func() float64 { return float64(w.waiting.Load()) })
	for _, c := range []prometheus.Collector{w.commits, w.group, waiting} {
		if err := options.Metrics.Register(c); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// start lets the goroutine go.
func (w *writer) start(s *Store, next int64) {
	w.log, w.tables, w.memory, w.read, w.seen, w.salt, w.next = s.log, s.tables, s.memory, s.reader, s.seen, s.salt, next
	go w.run()
}

// write hands work to the goroutine and waits until it is on disk.
func (w *writer) write(ctx context.Context, job *work) error {
	if w.closing() {
		return store.ErrClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !w.enter(job) {
		return store.ErrBusy
	}
	job.result = make(chan error, 1)
	select {
	case w.queue <- job:
	case <-w.stopped:
		w.leave(job)
		return store.ErrClosed
	case <-ctx.Done():
		w.leave(job)
		return context.Cause(ctx)
	}
	// What is in the queue will be written; to give up waiting would leave the
	// caller not knowing.
	select {
	case err := <-job.result:
		return err
	case <-w.done:
		select {
		case err := <-job.result:
			return err
		default:
			return store.ErrClosed
		}
	}
}

// enter lets events wait for the disk. However many they are, those that wait
// alone are let in.
func (w *writer) enter(job *work) bool {
	waiting, bytes := w.waiting.Add(int64(job.events)), w.bytes.Add(int64(job.bytes))
	if job.events == 0 || waiting == int64(job.events) || waiting <= w.maxWaiting && bytes <= maxWaitingBytes {
		return true
	}
	w.leave(job)
	return false
}

func (w *writer) leave(job *work) {
	w.waiting.Add(int64(-job.events))
	w.bytes.Add(int64(-job.bytes))
}

func (w *writer) run() {
	defer close(w.done)
	old := time.NewTimer(flushAge)
	defer old.Stop()
	group := make([]*work, 0, 256)
	for {
		w.flush()
		queue := w.queue
		if w.busy && w.trouble == nil && w.overfull() {
			queue = nil // until the tables have caught up
		}
		if !w.busy && !w.memory.active.empty() {
			old.Reset(time.Until(w.born.Add(flushAge)))
		}
		group = group[:0]
		select {
		case job := <-queue:
			group = append(group, job)
		case err := <-w.tables.tried:
			w.flushed(err)
			continue
		case <-old.C:
			continue
		case <-w.stopped:
			select {
			case job := <-w.queue:
				group = append(group, job)
			default:
				return
			}
		}
		for rows := group[0].rows; rows < maxGroup; {
			select {
			case job := <-w.queue:
				group = append(group, job)
				rows += job.rows
				continue
			default:
			}
			break
		}
		w.commit(group)
	}
}

// flush hands the tail to the tables when it is large or old enough, or when
// somebody waits for it.
func (w *writer) flush() {
	active := w.memory.active
	switch {
	case w.busy:
	case active.empty():
		answer(w.asked, nil)
		w.asked = nil
	case active.bytes >= w.flushBytes, len(w.asked) > 0, time.Since(w.born) >= flushAge:
		segment := w.log.number
		if w.stuck = explain(w.log.rotate()); w.stuck != nil {
			answer(w.asked, w.stuck)
			w.asked, w.born = nil, time.Now() // the log goes on as it is
			return
		}
		w.tables.flushes <- flush{w.memory.rotate(), segment, w.asked}
		w.busy, w.asked = true, nil
	}
}

// overfull says whether memory holds as much as it may.
func (w *writer) overfull() bool { return w.memory.active.bytes > maxFlushes*w.flushBytes }

// flushed takes in how a try to write the tables ended.
func (w *writer) flushed(err error) {
	if w.busy, w.trouble = err != nil, err; err != nil {
		answer(w.asked, err)
		w.asked = nil
	}
}

func answer(waiting []chan<- error, err error) {
	for _, w := range waiting {
		w <- err
	}
}

// refusal says why nothing can be committed.
func (w *writer) refusal() error {
	if w.trouble != nil {
		// Perhaps there is room by now.
		select {
		case w.tables.again <- struct{}{}:
		default:
		}
		w.flushed(<-w.tables.tried)
	}
	if w.trouble == nil && w.stuck != nil && w.overfull() {
		w.flush()
		return w.stuck
	}
	return w.trouble
}

// commit writes a group, with one sync if it is not too much for one. If that
// fails, each is tried alone, so that only the one at fault is refused.
func (w *writer) commit(group []*work) {
	if err := w.refusal(); err != nil {
		for _, job := range group {
			w.answer(job, err)
		}
		return
	}
	for len(group) > 0 {
		n, err := w.append(group)
		alone := err != nil && n > 1 && !errors.Is(err, store.ErrFull)
		for i, job := range group[:n] {
			if alone {
				_, err = w.append(group[i : i+1])
			}
			w.answer(job, err)
		}
		group = group[n:]
	}
}

func (w *writer) answer(job *work, err error) {
	w.leave(job)
	job.result <- err
}

// append writes the first n of a group to the log, and then makes them visible.
func (w *writer) append(group []*work) (n int, err error) {
	start, next, rows := time.Now(), w.next, 0
	n, err = w.make(group)
	for _, job := range group[:n] {
		rows += job.rows
	}
	if err == nil && !w.frame.empty() {
		err = w.log.append(w.frame)
	}
	if err != nil {
		w.next = next
		w.forgetRecent()
		return n, explain(err)
	}
	if w.memory.active.empty() {
		w.born = start
	}
	w.memory.add(w.stage)
	w.commits.Observe(time.Since(start).Seconds())
	w.group.Observe(float64(rows))
	return n, nil
}

// make gathers what the first n of a group write. It looks into the tables in one
// transaction, which costs the system's locks once, and not for each event; and so
// nothing may go there from memory meanwhile.
func (w *writer) make(group []*work) (n int, err error) {
	w.stage, w.frame = newTail(), newFrame(w.frame.data)
	w.memory.both.RLock()
	defer w.memory.both.RUnlock()
	if err = run(w.read, "BEGIN", none); err != nil {
		return len(group), err
	}
	for err == nil && n < len(group) && len(w.frame.data) < maxGroupBytes {
		err = group[n].do(w)
		n++
	}
	return n, errors.Join(err, run(w.read, "COMMIT", none))
}

// closing says whether work is no longer taken.
func (w *writer) closing() bool {
	select {
	case <-w.stopped:
		return true
	default:
		return false
	}
}

// stop lets the goroutine finish what is queued, and waits for it. It has the
// tables take over what the log has; what they cannot take now stays in the log,
// for the next start.
func (w *writer) stop() error {
	w.once.Do(func() { close(w.stopped) })
	<-w.done
	err := w.trouble
	if w.busy && w.trouble == nil {
		err = <-w.tables.tried
	}
	if err == nil && !w.memory.active.empty() {
		segment := w.log.number
		if err = w.log.rotate(); err == nil {
			w.tables.flushes <- flush{w.memory.rotate(), segment, nil}
			err = <-w.tables.tried
		}
	}
	answer(w.asked, store.ErrClosed)
	if err = explain(err); errors.Is(err, store.ErrFull) {
		w.warn("there is no room to write the log to the tables: the next start will", "error", err)
		return nil
	}
	return err
}

// settled returns when all that was committed is in the tables, so that a query
// there sees it.
func (w *writer) settled(ctx context.Context) error {
	waiting := make(chan error, 2) // work may be done twice
	if err := w.write(ctx, &work{do: func(w *writer) error { w.asked = append(w.asked, waiting); return nil }}); err != nil {
		return err
	}
	select {
	case err := <-waiting:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Accept appends events to the journal and merges them into the catalog.
func (s *Store) Accept(ctx context.Context, events []event.Event) ([]store.Receipt, error) {
	if len(events) == 0 {
		return nil, nil
	}
	if s.lost.Load() {
		return nil, errLost
	}
	receipts, bytes := make([]store.Receipt, len(events)), 0
	for i := range events {
		bytes += event.Size(&events[i].Patch.Product, events[i].Raw)
	}
	err := s.writer.write(ctx, &work{rows: 2 * len(events), events: len(events), bytes: bytes, do: func(w *writer) error {
		now := stored(w.now())
		for i := range events {
			receipt, err := w.accept(&events[i], now)
			if err != nil {
				return err
			}
			receipts[i] = receipt
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return receipts, nil
}
