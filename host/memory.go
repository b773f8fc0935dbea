package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// What is alive is little, and what comes and goes is much: so the heap may grow
// to five times what is alive, but not beyond smallMemory, unless twice of what is
// alive is more.
const (
	garbage     = 400
	smallMemory = 64 << 20
	quiet       = 5 * time.Second // after which memory that nothing needs is given back
)

// tuneMemory keeps memory small until ctx ends, unless the operator does, with
// the variables of Go's runtime.
func tuneMemory(ctx context.Context) error {
	if os.Getenv("GOGC")+os.Getenv("GOMEMLIMIT") != "" {
		<-ctx.Done()
		return nil
	}
	debug.SetGCPercent(garbage)
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	var allocated uint64
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for worked := time.Now(); ; {
		metrics.Read(samples)
		live, stacks := samples[0].Value.Uint64(), samples[2].Value.Uint64()
		debug.SetMemoryLimit(int64(max(smallMemory, 2*live) + stacks))
		now := time.Now()
		switch total := samples[1].Value.Uint64(); {
		case total-allocated > 4<<20:
			worked, allocated = now, total
		case !worked.IsZero() && now.Sub(worked) > quiet:
			debug.FreeOSMemory()
			worked = time.Time{}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
