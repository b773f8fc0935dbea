//go:build !linux

package sqlite

import "os"

// syncData returns when what was written is on disk.
func syncData(file *os.File) error { return file.Sync() }
