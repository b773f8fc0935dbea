package sdk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	pb "github.com/synchost/synchost/sdk/proto"
)

// ErrProcessGone is what a Client's calls give when the connector's process is
// no longer there, or has closed its connection, as it does when it ends. The
// outcome of what was in flight is unknown, not failed, unless ErrNotSent stands
// beside it.
var ErrProcessGone = errors.New("the connector's process is gone")

// ErrNotSent is in the errors of calls that certainly never came to the
// connector's code: its process was gone before, the caller's context had
// ended, or it was stopping. Nothing was done; it is safe to call another process.
var ErrNotSent = errors.New("the connector was not called")

// ErrFaulty is in errors about a connector that breaks its contract: it answers
// for keys it was not asked for, or twice for one, or with numbers that are none.
var ErrFaulty = errors.New("the connector is faulty")

// Client is the host's end of the wire: a connector as the host holds it. It
// comes from go-plugin's Dispense. Its methods may be called from several
// goroutines at once.
//
// An error that holds an *Error is the connector's own word. Any other error
// tells of the call: ErrProcessGone, the caller's context, ErrFaulty, or
// errors.ErrUnsupported for what the connector did not declare. After those the
// outcome of what was in flight is unknown, unless the error holds ErrNotSent.
type Client struct {
	rpc    pb.ConnectorClient
	gone   context.Context // ends with the process
	opened atomic.Pointer[Opened]
	slots  atomic.Pointer[chan struct{}] // one for each call that may be in flight
}

// The host uses a connector as it would one in its own process.
var (
	_ Connector = (*Client)(nil)
	_ Checker   = (*Client)(nil)
	_ Lister    = (*Client)(nil)
	_ Finder    = (*Client)(nil)
	_ Waiter    = (*Client)(nil)
)

// Describe asks what the connector is. It needs no configuration.
func (c *Client) Describe(ctx context.Context) (Description, error) {
	m, err := call(ctx, c, c.rpc.Describe, &pb.DescribeRequest{})
	if err != nil {
		return Description{}, err
	}
	return Description{
		Name:    m.GetName(),
		Version: m.GetVersion(),
		Options: convert(m.GetOptions(), decodeOption),
	}, nil
}

// Validate asks what is wrong with a configuration; nothing is opened. What the
// connector would be able to do and carry is told as far as it is known then: no
// capabilities, or no fields, mean that those are not.
func (c *Client) Validate(ctx context.Context, s Setup) (Opened, []Problem, error) {
	m, err := call(ctx, c, c.rpc.Configure, encodeSetup(s, true))
	if err != nil {
		return Opened{}, nil, err
	}
	return decodeOpened(m), convert(m.GetProblems(), decodeProblem), decodeFailure(m.GetFailure())
}

// Configure opens the connector, once. With problems or an error it is not
// open, and may be configured again.
func (c *Client) Configure(ctx context.Context, s Setup) (Opened, []Problem, error) {
	m, err := call(ctx, c, c.rpc.Configure, encodeSetup(s, false))
	if err != nil {
		return Opened{}, nil, err
	}
	problems, err := convert(m.GetProblems(), decodeProblem), decodeFailure(m.GetFailure())
	if err != nil || len(problems) > 0 {
		return Opened{}, problems, err
	}
	opened := decodeOpened(m)
	slots := make(chan struct{}, opened.Limits.InFlight)
	c.slots.Store(&slots)
	c.opened.Store(&opened)
	return opened, nil, nil
}

// enter waits until another call of Apply, List or Find may be made: whoever
// calls, they are never more at once than the connector can take.
func (c *Client) enter(ctx context.Context) (leave func(), err error) {
	slots := c.slots.Load()
	if slots == nil {
		return func() {}, nil // not open: the connector refuses it
	}
	select {
	case *slots <- struct{}{}:
		return func() { <-*slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("the connector is busy with other calls: %w (%w)", context.Cause(ctx), ErrNotSent)
	case <-c.gone.Done():
		return nil, fmt.Errorf("%w (%w)", ErrProcessGone, ErrNotSent)
	}
}

// Opened is what Configure answered; zero before.
func (c *Client) Opened() Opened {
	if o := c.opened.Load(); o != nil {
		return *o
	}
	return Opened{}
}

// Can says whether the connector declared the capability.
func (c *Client) Can(what Capability) bool {
	return slices.Contains(c.Opened().Capabilities, what)
}

// Apply brings the platform in step with changes, whose keys must differ. The
// results come in any order; the error is the outcome of every change without
// one. A change that has neither is unknown: it is missing from the results and
// the error is nil.
//
// A connector that answers twice for a key, or for one that is not in changes,
// gets an error with ErrFaulty; those answers are left out.
func (c *Client) Apply(ctx context.Context, changes []Change) ([]Result, error) {
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	m, err := call(ctx, c, c.rpc.Apply, &pb.ApplyRequest{Changes: convert(changes, encodeChange)})
	if err != nil {
		return nil, err
	}
	answers := make(map[string]int, len(changes)) // by key, how many
	for i := range changes {
		answers[changes[i].Key] = 0
	}
	var faults []string
	for _, one := range m.GetResults() {
		n, asked := answers[one.GetKey()]
		switch {
		case !asked:
			faults = append(faults, fmt.Sprintf("an answer for %q, which was not asked for", one.GetKey()))
		case n == 1:
			faults = append(faults, fmt.Sprintf("more than one answer for %q", one.GetKey()))
		}
		if asked {
			answers[one.GetKey()]++
		}
	}
	results := make([]Result, 0, len(m.GetResults()))
	for _, one := range m.GetResults() {
		if answers[one.GetKey()] != 1 {
			continue
		}
		result, err := decodeResult(one)
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		results = append(results, result)
	}
	rest := decodeFailure(m.GetRest())
	if len(faults) > 0 {
		rest = errors.Join(rest, faulty(strings.Join(faults, "; ")))
	}
	return results, rest
}

// Check tests credentials and reachability.
func (c *Client) Check(ctx context.Context) error {
	if err := c.able(CanCheck); err != nil {
		return err
	}
	m, err := call(ctx, c, c.rpc.Check, &pb.CheckRequest{})
	if err != nil {
		return err
	}
	return decodeFailure(m.GetFailure())
}

// List reads one page of the platform's products.
func (c *Client) List(ctx context.Context, q Query) (Page, error) {
	if err := c.able(CanList); err != nil {
		return Page{}, err
	}
	leave, err := c.enter(ctx)
	if err != nil {
		return Page{}, err
	}
	defer leave()
	m, err := call(ctx, c, c.rpc.List, &pb.ListRequest{Cursor: q.Cursor, Since: encodeTime(q.Since), Limit: int32(min(q.Limit, 1<<30))})
	if err != nil {
		return Page{}, err
	}
	if err := decodeFailure(m.GetFailure()); err != nil {
		return Page{}, err
	}
	items, err := decodeItems(m.GetItems())
	if err != nil {
		return Page{}, faulty(err.Error())
	}
	return Page{Items: items, Next: m.GetNext()}, nil
}

// Find looks products up; see Finder.
func (c *Client) Find(ctx context.Context, refs []Ref) ([]Item, error) {
	if err := c.able(CanFind); err != nil {
		return nil, err
	}
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	m, err := call(ctx, c, c.rpc.Find, &pb.FindRequest{Refs: convert(refs, func(r *Ref) *pb.Ref {
		return &pb.Ref{Key: valid(r.Key), Remote: valid(r.Remote), Code: valid(r.Code)}
	})})
	if err != nil {
		return nil, err
	}
	if err := decodeFailure(m.GetFailure()); err != nil {
		return nil, err
	}
	items, err := decodeItems(m.GetItems())
	if err != nil {
		return nil, faulty(err.Error())
	}
	return items, nil
}

// Wait returns when the platform's products may have changed; see Waiter.
func (c *Client) Wait(ctx context.Context) error {
	if err := c.able(CanWait); err != nil {
		return err
	}
	m, err := call(ctx, c, c.rpc.Wait, &pb.WaitRequest{})
	if err != nil {
		return err
	}
	return decodeFailure(m.GetFailure())
}

// Normalize says how the platform would store products. On success both slices
// are as long as products: for each either the product as it would be stored,
// or why it cannot be.
func (c *Client) Normalize(ctx context.Context, products []Product) ([]Product, []error, error) {
	if err := c.able(CanNormalize); err != nil {
		return nil, nil, err
	}
	m, err := call(ctx, c, c.rpc.Normalize, &pb.NormalizeRequest{Products: convert(products, encodeProduct)})
	if err != nil {
		return nil, nil, err
	}
	if got := len(m.GetProducts()); got != len(products) {
		return nil, nil, faulty(fmt.Sprintf("%d products came back of %d", got, len(products)))
	}
	settled, refused := make([]Product, len(products)), make([]error, len(products))
	for i, one := range m.GetProducts() {
		if refused[i] = decodeFailure(one.GetFailure()); refused[i] != nil {
			continue
		}
		if settled[i], err = decodeProduct(one.GetProduct()); err != nil {
			return nil, nil, faulty(err.Error())
		}
	}
	return settled, refused, nil
}

// Stop ends the work: new calls are refused, those in flight are waited for,
// then the connector is closed. It fails when ctx ends before that.
func (c *Client) Stop(ctx context.Context) error {
	_, err := call(ctx, c, c.rpc.Stop, &pb.StopRequest{})
	return err
}

func (c *Client) able(what Capability) error {
	if c.Can(what) {
		return nil
	}
	return fmt.Errorf("the connector cannot %s: %w", what, errors.ErrUnsupported)
}

func faulty(what string) error { return fmt.Errorf("%w: %s", ErrFaulty, what) }
