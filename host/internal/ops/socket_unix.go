//go:build unix

package ops

import (
	"errors"
	"os"
	"syscall"
)

// restrict has the socket's file made for its owner only. Linux takes a file's
// mode from the socket; elsewhere this does nothing, and protect does it
// a moment later.
func restrict(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
}

func protect(path string) error { return os.Chmod(path, 0o600) }

func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
