package launch

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// fixedEnv is what a process needs of its surroundings, whatever is configured.
// Without SystemRoot, Windows programs can't open a socket.
func fixedEnv(tmp string) []string {
	return []string{"SYSTEMROOT=" + os.Getenv("SYSTEMROOT"), "TMP=" + tmp, "TEMP=" + tmp}
}

// trusted accepts every file: access lists are the installer's affair there.
// Pin sha256 to be sure.
func trusted(string, os.FileInfo) error { return nil }

// ours is true: temporary folders belong to one user there.
func ours(os.FileInfo) bool { return true }

func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// group is a process with all its descendants, held by a job object: when the
// last handle of the job is closed, as it is when the host dies, Windows ends
// them all.
type group struct{ job windows.Handle }

// enclose puts a process that was just started into a job with its limits.
func enclose(p *os.Process, memoryMax int64) (group, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return group{}, fmt.Errorf("create a job object: %w", err)
	}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if memoryMax > 0 {
		info.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_JOB_MEMORY
		info.JobMemoryLimit = uintptr(memoryMax)
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err == nil {
		err = assign(job, p.Pid)
	}
	if err != nil {
		_ = windows.CloseHandle(job)
		return group{}, fmt.Errorf("put the process into a job object: %w", err)
	}
	return group{job}, nil
}

func assign(job windows.Handle, pid int) error {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return err
	}
	return errors.Join(windows.AssignProcessToJobObject(job, process), windows.CloseHandle(process))
}

// interrupt ends the connector: there is no signal to ask with, and it was
// drained before.
func (g group) interrupt() { _ = g.kill() }

// kill ends every process of the job.
func (g group) kill() error { return windows.TerminateJobObject(g.job, 1) }

// close lets go of the job.
func (g group) close() { _ = windows.CloseHandle(g.job) }
