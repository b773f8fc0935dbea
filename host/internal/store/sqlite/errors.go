package sqlite

import (
	"errors"
	"fmt"
	"syscall"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/store"
)

// explain gives the errors of SQLite that somebody can act on their names and
// remedies. It is applied once, where SQLite is left.
func explain(err error) error {
	switch code := sqlite.ErrCode(err).ToPrimary(); {
	case code == sqlite.ResultFull, errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w (%w)", store.ErrFull, err)
	case code == sqlite.ResultCorrupt, code == sqlite.ResultNotADB:
		return damaged(err)
	case code == sqlite.ResultReadOnly, code == sqlite.ResultPerm, code == sqlite.ResultCantOpen:
		return unwritable(err)
	}
	return err
}

func damaged(err error) error {
	return fmt.Errorf("the store's file is damaged (%w): stop the host and restore "+fileName+" from a backup", err)
}

func unwritable(err error) error {
	return fmt.Errorf("the data folder cannot be written (%w): let the user that runs synchost write there, or name another in data_dir", err)
}
