package sqlite

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/store"
)

// explain gives the errors of SQLite that somebody can act on their names and
// remedies. It is applied once, where SQLite is left.
func explain(err error) error {
	if noRoom(err) {
		return full(err)
	}
	switch code := sqlite.ErrCode(err); code.ToPrimary() {
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return damaged(err)
	case sqlite.ResultReadOnly, sqlite.ResultPerm, sqlite.ResultCantOpen:
		return unwritable(err)
	case sqlite.ResultFull:
		return full(err)
	case sqlite.ResultIOErr:
		if code == sqlite.ResultIOErrSHMSize { // the log's index cannot grow
			return full(err)
		}
	}
	return err
}

// noRoom says whether the log's file could not grow.
func noRoom(err error) bool {
	const windowsDiskFull = syscall.Errno(112)
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || runtime.GOOS == "windows" && errors.Is(err, windowsDiskFull)
}

func full(err error) error { return fmt.Errorf("%w (%w)", store.ErrFull, err) }

func damaged(err error) error {
	return fmt.Errorf("the store is damaged (%w): stop the host and restore the data folder's synchost* files from a backup", err)
}

// incomplete is what becomes of a folder whose files are of different times.
func incomplete(what string) error {
	return fmt.Errorf("the log does not go on where "+fileName+" ends (%s): the files were copied while a host used them, or not all were restored."+
		" Restore all synchost* files of one backup; or, to go on without what is in the log, move the "+logPrefix+"*"+logSuffix+" files away", what)
}

func unwritable(err error) error {
	return fmt.Errorf("the data folder cannot be written (%w): let the user that runs synchost write there, or name another in data_dir", err)
}
