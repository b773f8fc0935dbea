// Package simtest is what simulations have in common: the seeds that a test runs,
// dice that fall alike for a seed whatever goroutines do meanwhile, and the data
// folders of hosts that are killed.
package simtest

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Seeds runs a simulation of each seed from 1 to usual, side by side: up to slow
// where that takes long, and those that SYNCHOST_SEEDS names where it is set (one
// seed, or a range such as 1000-1999). What the simulation wrote down of a seed is
// told when the seed fails, or SYNCHOST_TRACE is set.
func Seeds(t *testing.T, usual, slow uint64, simulate func(t *testing.T, seed uint64) (trace string, broken []string)) {
	first, last := uint64(1), usual
	if testing.Short() || raceDetector() {
		last = slow
	}
	if text := os.Getenv("SYNCHOST_SEEDS"); text != "" {
		from, to, isRange := strings.Cut(text, "-")
		if !isRange {
			to = from
		}
		var err1, err2 error
		first, err1 = strconv.ParseUint(from, 10, 64)
		last, err2 = strconv.ParseUint(to, 10, 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("SYNCHOST_SEEDS = %q, want a number or a range such as 1-300", text)
		}
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			trace, broken := simulate(t, seed)
			if os.Getenv("SYNCHOST_TRACE") != "" || len(broken) > 0 {
				t.Log(trace)
			}
			for _, promise := range broken {
				t.Error(promise)
			}
		})
	}
}

// raceDetector says whether the test is built with it, which makes it ten times as slow.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// SameCourse checks that each of some seeds takes the same course again: one that
// fails can be looked into only then. With the race detector a few are enough.
func SameCourse(t *testing.T, seeds uint64, simulate func(t *testing.T, seed uint64) (trace string, broken []string)) {
	if testing.Short() || raceDetector() {
		seeds = min(seeds, 3)
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			first, _ := simulate(t, seed)
			again, _ := simulate(t, seed)
			if first == again {
				return
			}
			// What happens at one moment has no order.
			a, b := strings.Split(first, "\n"), strings.Split(again, "\n")
			slices.Sort(a)
			slices.Sort(b)
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Fatalf("after\n%s\nfirst\n%s\nagain\n%s", strings.Join(a[max(0, i-20):i], "\n"), strings.Join(a[i:min(len(a), i+5)], "\n"), strings.Join(b[i:min(len(b), i+5)], "\n"))
				}
			}
			if len(a) != len(b) {
				t.Fatalf("%d lines, and then %d", len(a), len(b))
			}
		})
	}
}

// Dice are thrown for decisions.
type Dice struct{ *rand.Rand }

// New are the dice for one decision. They depend on the seed and on what is
// decided, and on nothing else.
func New(seed uint64, about ...any) Dice {
	h := fnv.New64a()
	fmt.Fprintln(h, about...)
	return Dice{rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// Chance is true with that probability.
func (d Dice) Chance(probability float64) bool { return d.Float64() < probability }

// Between is a time from least to most.
func (d Dice) Between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.Int64N(int64(most-least)+1))
}

// Pick is one of list.
func Pick[T any](d Dice, list []T) T { return list[d.IntN(len(list))] }

// MemoryDir is a folder in memory, where a sync costs nothing; empty: there is none.
func MemoryDir() string {
	const dir = "/dev/shm"
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

// Crash makes a data folder of what is in another, as if the host that uses it had
// died now, at times in the middle of writing to its log.
func Crash(from, to string, d Dice) error {
	if err := os.CopyFS(to, withoutLocks{os.DirFS(from)}); err != nil {
		return err
	}
	logs, err := filepath.Glob(filepath.Join(to, "synchost-[0-9]*.wal"))
	if err != nil || len(logs) == 0 || !d.Chance(0.5) {
		return err
	}
	half := make([]byte, 1+d.IntN(100))
	for i := range half {
		half[i] = byte(d.Uint32())
	}
	newest := slices.MaxFunc(logs, func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) })
	log, err := os.OpenFile(newest, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = log.Write(half)
	return errors.Join(err, log.Close())
}

// withoutLocks leaves out the files of a data folder that say who uses it.
type withoutLocks struct{ fs.FS }

func (f withoutLocks) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".lock") || strings.HasSuffix(e.Name(), "-shm")
	}), err
}
