package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// What a process that this test started is told: the data folder, Options.flushBytes,
// and after how long it closes the store.
const (
	childDir   = "SYNCHOST_TEST_STORE"
	childFlush = "SYNCHOST_TEST_FLUSH"
	childClose = "SYNCHOST_TEST_CLOSE"
)

// TestMain lets the test's own binary be the other process.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

func childProcess(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// child writes to the store until it is closed, and prints what was answered.
func child(dir string) {
	ctx := context.Background()
	flushBytes, _ := strconv.Atoi(os.Getenv(childFlush))
	s, err := Open(ctx, Options{Dir: dir, Log: hclog.NewNullLogger(), flushBytes: flushBytes})
	if errors.Is(err, store.ErrLocked) {
		fmt.Println("locked")
		return
	}
	exitOn(err)
	head, err := s.Head(ctx)
	exitOn(err)
	var senders sync.WaitGroup
	if wait, err := time.ParseDuration(os.Getenv(childClose)); err == nil {
		senders.Go(func() {
			time.Sleep(wait)
			exitOn(s.Close())
		})
	}
	for sender := range 4 {
		senders.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", head, sender, n)
				key := fmt.Sprint(sender)
				receipts, err := s.Accept(ctx, []event.Event{
					{Source: "pim", ID: id, Op: sdk.Updated, Key: key, Patch: event.Patch{Product: sdk.Product{Name: id}, Fields: []string{"name"}}},
					{Source: "pim", ID: id + "b", Op: sdk.Updated, Key: key, Patch: event.Patch{Product: sdk.Product{Name: id + "b"}, Fields: []string{"name"}}},
				})
				if errors.Is(err, store.ErrClosed) {
					return
				}
				exitOn(err)
				seq := receipts[1].Seq
				connector := fmt.Sprint("lane", sender)
				err = s.Record(ctx, store.Record{
					Connector:  connector,
					Lane:       &store.Lane{Connector: connector, Cursor: seq},
					Links:      []store.Link{{Connector: connector, Key: key, Seq: seq}},
					Deliveries: []store.Delivery{{Connector: connector, Key: key, Seq: seq}},
				})
				if errors.Is(err, store.ErrClosed) {
					return
				}
				exitOn(err)
				fmt.Printf("%s %d %d\n", id, seq, sender)
			}
		})
	}
	senders.Wait()
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
