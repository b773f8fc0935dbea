package sdk

import "golang.org/x/sys/unix"

// signalOnParentDeath has the kernel kill the process with its parent. What
// fails here, or died before, the caller's polling finds.
func signalOnParentDeath() {
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
}
