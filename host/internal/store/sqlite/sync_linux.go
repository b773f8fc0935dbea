package sqlite

import (
	"os"
	"syscall"
)

// syncData returns when what was written is on disk, and the file's length with
// it; its times may follow later.
func syncData(file *os.File) error {
	for {
		if err := syscall.Fdatasync(int(file.Fd())); err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
