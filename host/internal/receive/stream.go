package receive

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/synchost/synchost/host/internal/event"
)

const (
	chunk     = 128       // events of a stream that are kept at once
	chunkSize = 256 << 10 // bytes of lines that are; one line may be more
	width     = 4         // chunks that are being kept at the same time
	maxErrors = 100       // refused lines that the answer tells of
)

// stream keeps events as they come, in chunks, several of them at a time. All
// events of one product go the same way, one after the other, so their order
// holds; that between products means nothing. What is in memory is bounded by
// chunk and width, however long the stream.
type stream struct {
	group *errgroup.Group
	ctx   context.Context
	seed  maphash.Seed
	ways  [width]way

	mu   sync.Mutex
	done taken // but for what the reader notes

	refused int
	errors  []lineError
}

// way is how events of some products go. Two slices take turns.
type way struct {
	pending []event.Event
	size    int // bytes of the lines that pending came from
	full    chan []event.Event
	free    chan []event.Event
}

func newStream(ctx context.Context, keep keepFunc) *stream {
	s := &stream{seed: maphash.MakeSeed()}
	s.group, s.ctx = errgroup.WithContext(ctx)
	for i := range s.ways {
		w := &s.ways[i]
		w.full, w.free = make(chan []event.Event), make(chan []event.Event, 1)
		w.free <- nil
		s.group.Go(func() error { return s.keep(w, keep) })
	}
	return s
}

func (s *stream) keep(w *way, keep keepFunc) error {
	for events := range w.full {
		done, err := keep(s.ctx, events)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.done.Accepted += done.Accepted
		s.done.Duplicates += done.Duplicates
		s.mu.Unlock()
		clear(events)
		w.free <- events[:0]
	}
	return nil
}

// read takes lines until they end. A line that is no good event is noted, and
// the others go on.
func (s *stream) read(in *lineReader, parse func(line []byte, n int) (event.Event, error)) error {
	for {
		line, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			return s.flush()
		case errors.Is(err, errLongLine):
			s.refuse(in.number, err)
			continue
		case err != nil:
			return errors.Join(s.flush(), brokenOff(err))
		case len(line) == 0:
			continue
		}
		e, err := parse(line, in.number)
		if err != nil {
			s.refuse(in.number, err)
			continue
		}
		w := &s.ways[maphash.String(s.seed, e.Key)%width]
		w.pending, w.size = append(w.pending, e), w.size+len(line)
		if len(w.pending) == chunk || w.size >= chunkSize {
			if err := s.send(w); err != nil {
				return err
			}
		}
	}
}

func (s *stream) flush() error {
	for i := range s.ways {
		if err := s.send(&s.ways[i]); err != nil {
			return err
		}
	}
	return nil
}

// send hands over what is pending, and waits for the slice to go on with.
func (s *stream) send(w *way) error {
	if len(w.pending) == 0 {
		return nil
	}
	select {
	case w.full <- w.pending:
	case <-s.ctx.Done():
		return notKept(s.ctx.Err())
	}
	select {
	case w.pending = <-w.free:
		w.size = 0
		return nil
	case <-s.ctx.Done():
		return notKept(s.ctx.Err())
	}
}

func (s *stream) refuse(line int, err error) {
	s.refused++
	if len(s.errors) < maxErrors {
		s.errors = append(s.errors, lineError{line, shorten(err.Error())})
	}
}

// finish waits for what is being kept. Its error is the first of Accept.
func (s *stream) finish() (taken, error) {
	for i := range s.ways {
		close(s.ways[i].full)
	}
	err := s.group.Wait()
	s.done.Refused, s.done.Errors = s.refused, s.errors
	return s.done, err
}

// shorten bounds a message that may quote the line.
func shorten(text string) string {
	const most = 300
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
