package ops

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// A socket's file has the rights of its folder here.

func restrict(_, _ string, _ syscall.RawConn) error { return nil }

func protect(string) error { return nil }

func refused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
