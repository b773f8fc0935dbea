//go:build unix

package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// fixedEnv is what a process needs of its surroundings, whatever is configured.
func fixedEnv(tmp string) []string { return []string{"TMPDIR=" + tmp} }

// trusted refuses a binary that users other than its owner and group can
// replace. Group-writable is allowed: with the usual umask of many systems,
// builds are.
func trusted(path string, info os.FileInfo) error {
	if info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s is not executable: chmod +x it", path)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("every user may write to %s: chmod o-w it", path)
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		open := info.Mode().Perm()&0o002 != 0
		sticky := info.Mode()&os.ModeSticky != 0 && dir != filepath.Dir(path)
		if open && !sticky {
			return fmt.Errorf("every user may write to the folder %s and so replace %s: chmod o-w the folder, or move the binary", dir, path)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// ours says whether the file belongs to the user we run as.
func ours(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// group is a process with all its descendants, save those that left its
// process group on purpose.
type group struct{ leader *os.Process }

// interrupt asks the connector to end.
func (g group) interrupt() { _ = g.leader.Signal(syscall.SIGTERM) }

// kill ends every process of the group.
func (g group) kill() error {
	err := syscall.Kill(-g.leader.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EPERM) {
		return nil // nobody is left but the dead
	}
	return err
}

// close lets go of the group; nothing on these systems.
func (g group) close() {}
