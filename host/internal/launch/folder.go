package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// A Unix socket's path has about 104 bytes, the strictest system's limit;
// go-plugin adds "/plugin" and ten digits to that of its folder.
const maxSocketFolder = 104 - len("/plugin4294967295") - 1

const folderPrefix = "synchost-"

// folder is a private directory for one process's binary and socket. The lock
// file beside it is held while its owner lives, so that a later host can tell
// what a dead one left behind.
type folder struct {
	path string
	lock *flock.Flock
}

// newFolder makes a folder under root.
func newFolder(root string) (*folder, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, err
	}
	for {
		file, err := os.CreateTemp(root, folderPrefix+"*.lock")
		if err != nil {
			return nil, err
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
		lock := flock.New(file.Name())
		held, err := lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
		}
		// A sweep may have come in between: then the file is gone, or theirs.
		if !held || !exists(file.Name()) {
			lock.Close()
			continue
		}
		f := &folder{strings.TrimSuffix(file.Name(), ".lock"), lock}
		if err := os.Mkdir(f.path, 0o700); err != nil {
			return nil, errors.Join(err, f.remove())
		}
		return f, nil
	}
}

// remove deletes the folder with all that is in it.
func (f *folder) remove() error {
	return errors.Join(os.RemoveAll(f.path), f.lock.Close(), ignoreMissing(os.Remove(f.lock.Path())))
}

// sweep removes the folders under root whose owners are dead.
func sweep(root string) error {
	locks, err := filepath.Glob(filepath.Join(root, folderPrefix+"*.lock"))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range locks {
		info, err := os.Lstat(name)
		if err != nil || !info.Mode().IsRegular() || !ours(info) {
			continue
		}
		lock := flock.New(name)
		if held, err := lock.TryLock(); err != nil || !held {
			lock.Close()
			continue
		}
		dead := folder{strings.TrimSuffix(name, ".lock"), lock}
		errs = append(errs, dead.remove())
	}
	return errors.Join(errs...)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
