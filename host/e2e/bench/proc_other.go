//go:build !linux

package main

import (
	"syscall"
	"time"
)

func sysProcAttr() *syscall.SysProcAttr { return nil }

func family(int) ([]int, error) { return nil, errNotHere }

func cpu([]int) (time.Duration, error) { return 0, errNotHere }

func memory([]int) (resident, proportional float64, err error) { return 0, 0, errNotHere }

func peak(int) (float64, error) { return 0, errNotHere }
