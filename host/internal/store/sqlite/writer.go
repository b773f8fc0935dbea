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
	// defaultMaxWaiting bounds the events that wait for the disk; beyond it Accept
	// answers store.ErrBusy, and the sender is told to come back.
	defaultMaxWaiting = 20_000
	// maxGroup bounds the rows of one commit, so that no one waits long for others' rows.
	maxGroup = 2_000
)

// writer is the one goroutine that writes. Work that arrives while it commits
// is committed together, next.
type writer struct {
	conn    *sqlite.Conn
	now     func() time.Time
	queue   chan *work
	stopped chan struct{} // closed when no more work is taken
	done    chan struct{} // closed when the goroutine has ended
	once    sync.Once

	waiting    atomic.Int64 // events in the queue
	maxWaiting int64
	next       int64 // position of the next event; only the goroutine uses it

	recent      map[string]recent // by key; only the goroutine uses it
	recentBytes int

	mu      sync.Mutex
	changed chan struct{}

	commits prometheus.Histogram
	group   prometheus.Histogram
}

// work is something to write. do may run twice: alone, when the group it was
// first in failed.
type work struct {
	do     func(*writer) error
	rows   int
	events int
	result chan error
}

func startWriter(conn *sqlite.Conn, options Options) (*writer, error) {
	w := &writer{
		conn:       conn,
		now:        options.Now,
		maxWaiting: options.maxWaiting,
		queue:      make(chan *work, 1024),
		stopped:    make(chan struct{}),
		done:       make(chan struct{}),
		changed:    make(chan struct{}),
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
	if err := w.findNext(); err != nil {
		return nil, err
	}
	if options.Metrics != nil {
		waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "synchost_store_waiting_events", Help: "Events that wait for their commit.",
		}, func() float64 { return float64(w.waiting.Load()) })
		for _, c := range []prometheus.Collector{w.commits, w.group, waiting} {
			if err := options.Metrics.Register(c); err != nil {
				return nil, err
			}
		}
	}
	go w.run()
	return w, nil
}

// findNext reads the position of the next event. Pruning never takes the newest
// row, so a position is never given twice.
func (w *writer) findNext() error {
	return bind(w.conn, "SELECT coalesce(max(seq), 0) + 1 FROM events").each(func(r *scanner) { w.next = r.int() })
}

// write hands work to the goroutine and waits until it is on disk.
func (w *writer) write(ctx context.Context, job *work) error {
	if w.closing() {
		return store.ErrClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// However many they are, events that wait alone are taken.
	events := int64(job.events)
	if waiting := w.waiting.Add(events); waiting > w.maxWaiting && waiting > events && events > 0 {
		w.waiting.Add(-events)
		return store.ErrBusy
	}
	job.result = make(chan error, 1)
	select {
	case w.queue <- job:
	case <-w.stopped:
		w.waiting.Add(-events)
		return store.ErrClosed
	case <-ctx.Done():
		w.waiting.Add(-events)
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

func (w *writer) run() {
	defer close(w.done)
	group := make([]*work, 0, 256)
	for {
		group = group[:0]
		select {
		case job := <-w.queue:
			group = append(group, job)
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

// commit writes a group in one transaction. If it fails, each of the group is
// tried alone, so that only the one at fault is refused.
func (w *writer) commit(group []*work) {
	err := w.transact(group)
	if err != nil && len(group) > 1 && !errors.Is(err, store.ErrFull) {
		for _, job := range group {
			w.answer(job, w.transact([]*work{job}))
		}
		return
	}
	for _, job := range group {
		w.answer(job, err)
	}
}

func (w *writer) answer(job *work, err error) {
	w.waiting.Add(int64(-job.events))
	job.result <- err
}

func (w *writer) transact(group []*work) error {
	start, next, rows, events := time.Now(), w.next, 0, 0
	err := w.exec("BEGIN IMMEDIATE")
	for i := 0; err == nil && i < len(group); i++ {
		err = group[i].do(w)
		rows += group[i].rows
		events += group[i].events
	}
	if err == nil {
		err = w.exec("COMMIT")
	}
	if err != nil {
		w.next = next
		w.forgetRecent()
		if !w.conn.AutocommitEnabled() {
			err = errors.Join(err, w.exec("ROLLBACK"))
		}
		return explain(err)
	}
	w.commits.Observe(time.Since(start).Seconds())
	w.group.Observe(float64(rows))
	if events > 0 {
		w.mu.Lock()
		close(w.changed)
		w.changed = make(chan struct{})
		w.mu.Unlock()
	}
	return nil
}

func (w *writer) exec(query string) error { return bind(w.conn, query).run() }

func (w *writer) appended() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
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

// stop lets the goroutine finish what is queued, and waits for it.
func (w *writer) stop() {
	w.once.Do(func() { close(w.stopped) })
	<-w.done
}

// Accept appends events to the journal and merges them into the catalog.
func (s *Store) Accept(ctx context.Context, events []event.Event) ([]store.Receipt, error) {
	if len(events) == 0 {
		return nil, nil
	}
	if s.lost.Load() {
		return nil, errLost
	}
	receipts := make([]store.Receipt, len(events))
	err := s.writer.write(ctx, &work{rows: 2 * len(events), events: len(events), do: func(w *writer) error {
		now := w.now()
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
