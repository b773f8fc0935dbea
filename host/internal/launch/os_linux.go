package launch

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// sysProcAttr puts the child into a process group of its own, and has the
// kernel kill it when we die, however that happens.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

const (
	maxOpenFiles = 4096
	// dataSlack is what an idle Go process maps and does not use, its first
	// arena of 64 MiB above all. With it, one ends a little above memoryMax.
	dataSlack = 128 << 20
)

// enclose bounds what a process that was just started can take, and answers its
// group. The limit on memory counts what is mapped for data rather than what is
// in use, so it is a last resort behind GOMEMLIMIT; there are no core files,
// since they would hold secrets.
func enclose(p *os.Process, memoryMax int64) (group, error) {
	g := group{p}
	limits := map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: maxOpenFiles}
	if memoryMax > 0 {
		limits[unix.RLIMIT_DATA] = uint64(memoryMax) + dataSlack
	}
	for resource, limit := range limits {
		var now unix.Rlimit
		if err := unix.Prlimit(p.Pid, resource, nil, &now); err != nil {
			return g, fmt.Errorf("read the process's limits: %w", err)
		}
		limit = min(limit, now.Max)
		if err := unix.Prlimit(p.Pid, resource, &unix.Rlimit{Cur: limit, Max: limit}, nil); err != nil {
			return g, fmt.Errorf("limit the process: %w", err)
		}
	}
	return g, nil
}
