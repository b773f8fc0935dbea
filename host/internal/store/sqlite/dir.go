package sqlite

import (
	"errors"
	"os"
	"runtime"
)

// syncDir has the names in a folder on disk. Windows has no such call, and keeps
// names by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
