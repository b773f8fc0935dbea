package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// sysProcAttr has the kernel kill the child when we die, however that happens.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// ticksPerSecond is USER_HZ, which is 100 on all processors that Go knows.
const ticksPerSecond = 100

// family are a process and all below it.
func family(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, stat := range stats {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err != nil {
			return nil, err
		}
		fields, err := readStat(child)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has just ended
		}
		if err != nil {
			return nil, err
		}
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, err
		}
		children[parent] = append(children[parent], child)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// readStat gives the fields of /proc/PID/stat from the state on, which is the third.
func readStat(pid int) ([]string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	// The name before it is in brackets, and may hold anything.
	words := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(words) < 13 {
		return nil, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(words))
	}
	fields := make([]string, len(words))
	for i, word := range words {
		fields[i] = string(word)
	}
	return fields, nil
}

// cpu is the time that processes have used, to a hundredth of a second each.
func cpu(pids []int) (time.Duration, error) {
	var ticks int64
	for _, pid := range pids {
		fields, err := readStat(pid)
		if err != nil {
			return 0, err
		}
		for _, field := range fields[11:13] { // utime and stime
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// memory is what processes hold, in bytes: resident, where what they share counts
// for each of them, and proportional, where it is divided among them.
func memory(pids []int) (resident, proportional float64, err error) {
	for _, pid := range pids {
		rss, err := kilobytes(pid, "smaps_rollup", "Rss:")
		if err != nil {
			return 0, 0, err
		}
		pss, err := kilobytes(pid, "smaps_rollup", "Pss:")
		if err != nil {
			return 0, 0, err
		}
		resident, proportional = resident+rss, proportional+pss
	}
	return resident, proportional, nil
}

// peak is the most that a process was resident with since its start, in bytes.
func peak(pid int) (float64, error) { return kilobytes(pid, "status", "VmHWM:") }

func kilobytes(pid int, file, name string) (float64, error) {
	path := fmt.Sprintf("/proc/%d/%s", pid, file)
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(content) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == name {
			n, err := strconv.ParseFloat(string(fields[1]), 64)
			return n * 1024, err
		}
	}
	return 0, fmt.Errorf("%s has no line %s", path, name)
}
