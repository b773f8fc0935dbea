package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

const defaultWatchEvery = 2 * time.Second

// errLost is what Accept answers once the file is not in its place any more:
// what is written from then on ends with the process.
var errLost = errors.New("a file of the store was removed or replaced while it is in use, and no events are taken:" +
	" stop the host and restore the data folder's synchost* files from a backup")

// watch looks now and then, until ctx ends, whether the files are still those
// that were opened.
func (s *Store) watch(ctx context.Context) error {
	opened := map[string]os.FileInfo{}
	for _, file := range []string{s.file, s.file + "-wal"} {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		opened[file] = info
	}
	s.background.Go(func() {
		tick := time.NewTicker(s.options.watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if lost := s.missing(opened); lost != "" {
				s.lost.Store(true)
				s.damaged(fmt.Errorf("%s: %w", lost, errLost))
				return
			}
		}
	})
	return nil
}

// missing names a file that is not in its place any more.
func (s *Store) missing(opened map[string]os.FileInfo) string {
	for file, was := range opened {
		if info, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(was, info) {
			return file
		}
	}
	if !s.log.inPlace() {
		return "the log in " + s.options.Dir
	}
	return ""
}
