package sqlite

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// afterOthers has the calling goroutine run when a processor has nothing better to
// do, more or less. It keeps a thread for it.
func afterOthers() {
	runtime.LockOSThread()
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 10) // without it, it is only less smooth
}
