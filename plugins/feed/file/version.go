package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/synchost/synchost/sdk"
)

// version is the feed as its files are at one moment.
type version struct {
	id     string // differs when any file was changed, replaced, added or removed
	files  []fileInfo
	newest time.Time // when a file was last written to
}

type fileInfo struct {
	path string
	size int64
}

// look finds out which version of the feed is there. Of a file that is written,
// none is a version too: the one without rows.
func (f *feed) look() (version, error) {
	paths := []string{f.Path}
	if hasMeta(f.Path) {
		var err error
		if paths, err = filepath.Glob(f.Path); err != nil { // sorted
			return version{}, err
		}
		if len(paths) == 0 {
			return version{}, fmt.Errorf("no file is named %s", f.Path)
		}
	}
	v := version{}
	sum := sha256.New()
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case f.Write && (errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0):
			continue
		case err != nil:
			return version{}, err
		case !info.Mode().IsRegular():
			return version{}, fmt.Errorf("%s is no file", path)
		}
		fmt.Fprintf(sum, "%s\x00%d %d %d\n", path, info.Size(), info.ModTime().UnixNano(), inode(info))
		v.files = append(v.files, fileInfo{path, info.Size()})
		if info.ModTime().After(v.newest) {
			v.newest = info.ModTime()
		}
	}
	v.id = hex.EncodeToString(sum.Sum(nil)[:8])
	return v, nil
}

var errReplaced = errors.New("the feed was changed in the middle: start again")

// same fails when the feed is no longer the version v.
func (f *feed) same(v version) error {
	now, err := f.look()
	if err == nil && now.id != v.id {
		err = sdk.Changed(errReplaced)
	}
	return err
}

// unrest is how long nobody may write to the feed until it is read; not positive:
// it can be read now.
func (f *feed) unrest(v version, now time.Time) time.Duration {
	age := now.Sub(v.newest)
	if f.Write || age < 0 { // a clock that is ahead tells nothing
		return 0
	}
	return f.Settle.Std() - age
}
