//go:build unix && !linux

package launch

import (
	"os"
	"syscall"
)

// sysProcAttr puts the child into a process group of its own. These systems
// have no death signal: when the host dies, the SDK sees that its parent is
// gone, and a connector without the SDK that its standard input ended.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// enclose answers the group of a process that was just started. Memory is bound
// by GOMEMLIMIT only: these systems let nobody limit another process.
func enclose(p *os.Process, _ int64) (group, error) { return group{p}, nil }
