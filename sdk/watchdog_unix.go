//go:build unix

package sdk

import (
	"os"
	"runtime"
	"time"
)

// dieWithParent ends the process when the host that started it is no longer
// there, so that no connector goes on writing unseen. go-plugin does not: its
// server outlives a host that was killed.
//
// The host cannot die unnoticed before this runs: go-plugin then writes the
// handshake into a pipe without a reader, which ends the process too.
func dieWithParent() {
	runtime.LockOSThread() // the kernel's death signal belongs to the thread that asked for it
	parent := os.Getppid()
	signalOnParentDeath()
	for os.Getppid() == parent {
		time.Sleep(500 * time.Millisecond)
	}
	os.Exit(1)
}
