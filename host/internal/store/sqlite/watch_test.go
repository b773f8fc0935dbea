//go:build unix

package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheFileIsForItsUserOnly(t *testing.T) {
	dir := t.TempDir()
	accept(t, open(t, Options{Dir: dir}), described("a", 1, 1))
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 3 {
		t.Fatal(entries, err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", entry.Name(), info.Mode(), err)
		}
	}
}

// What is accepted into a file that is gone would be gone with the process.
func TestAFileThatIsTakenAwayTakesNoEvents(t *testing.T) {
	for name, take := range map[string]func(t *testing.T, file string){
		"removed": func(t *testing.T, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		},
		"replaced": func(t *testing.T, file string) {
			other := file + ".backup"
			if err := errors.Join(os.WriteFile(other, nil, 0o600), os.Rename(other, file)); err != nil {
				t.Fatal(err)
			}
		},
		"without SQLite's log": func(t *testing.T, file string) {
			if err := os.Remove(file + "-wal"); err != nil {
				t.Fatal(err)
			}
		},
		"without the log": func(t *testing.T, file string) {
			if err := os.Remove(filepath.Join(filepath.Dir(file), segmentName(1))); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			told := make(chan error, 1)
			s := open(t, Options{Dir: dir, watchEvery: time.Millisecond, Damaged: func(err error) { told <- err }})
			accept(t, s, described("a", 3, 1))
			take(t, filepath.Join(dir, fileName))
			if err := <-told; !errors.Is(err, errLost) {
				t.Errorf("told %v", err)
			}
			if _, err := s.Accept(t.Context(), described("b", 1, 1)); !errors.Is(err, errLost) {
				t.Errorf("Accept: %v", err)
			}
		})
	}
}
