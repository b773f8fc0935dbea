package main

import (
	"os"
	"slices"
	"testing"
)

// A child and what it takes is seen while it lives.
func TestFamily(t *testing.T) {
	child, err := spawn(os.Stderr, nil, "sleep", "60")
	if err != nil {
		t.Fatal(err)
	}
	defer child.kill()
	pids, err := family(os.Getpid())
	if err != nil || pids[0] != os.Getpid() || !slices.Contains(pids, child.pid()) {
		t.Fatalf("the family of %d, with the child %d, is %v, %v", os.Getpid(), child.pid(), pids, err)
	}
	if _, err := cpu(pids); err != nil {
		t.Error(err)
	}
	resident, proportional, err := memory(pids)
	if err != nil || proportional <= 0 || proportional > resident {
		t.Errorf("resident %v, proportional %v, %v", resident, proportional, err)
	}
	if most, err := peak(os.Getpid()); err != nil || most <= 0 {
		t.Errorf("the peak is %v, %v", most, err)
	}
	child.kill()
	if pids, err := family(os.Getpid()); err != nil || slices.Contains(pids, child.pid()) {
		t.Errorf("after it the family is %v, %v", pids, err)
	}
}
