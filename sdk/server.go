package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	pb "github.com/synchost/synchost/sdk/proto"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// server is the connector's end of the wire. A non-OK status tells of a call
// that should not have been made; all else travels as a Failure.
type server struct {
	pb.UnimplementedConnectorServer
	*definition
	log    hclog.Logger
	ending context.Context // ends when the process is told to; the calls end with it
	end    context.CancelCauseFunc

	refusing context.Context // ends when no new call is let in
	refused  context.CancelFunc

	idle        *time.Timer // runs since the last call; nil: nothing is done when it ends
	configuring sync.Mutex  // held by Configure: Open runs once

	mu        sync.Mutex // guards what follows, never held during a call
	connector Connector  // nil until Open gave it
	stopping  bool
	inFlight  sync.WaitGroup // grows under mu only while not stopping
	closing   sync.Once
}

func newServer(d *definition, log hclog.Logger) *server {
	ending, end := context.WithCancelCause(context.Background())
	refusing, refused := context.WithCancel(context.Background())
	return &server{definition: d, log: log, ending: ending, end: end, refusing: refusing, refused: refused}
}

var (
	errStopping      = status.Error(codes.FailedPrecondition, "the connector is stopping")
	errNotConfigured = status.Error(codes.FailedPrecondition, "Configure comes first")
	errConfigured    = status.Error(codes.FailedPrecondition, "the connector is configured already; start a new process")
	errEnding        = errors.New("the connector was told to end")
	errNetRPC        = errors.New("the connector speaks gRPC only")
)

// enter counts a call in; leave must follow when err is nil.
func (s *server) enter() (connector Connector, leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, nil, errStopping
	}
	s.inFlight.Add(1)
	return s.connector, s.leave, nil
}

func (s *server) leave() {
	if s.idle != nil {
		s.idle.Reset(idleTime)
	}
	s.inFlight.Done()
}

// able counts a call in that needs the connector to be a T.
func able[T any](s *server) (connector T, leave func(), err error) {
	c, leave, err := s.enter()
	if err != nil {
		return connector, nil, err
	}
	if c == nil {
		leave()
		return connector, nil, errNotConfigured
	}
	connector, ok := c.(T)
	if !ok {
		leave()
		return connector, nil, status.Error(codes.Unimplemented, "the connector did not declare this capability")
	}
	return connector, leave, nil
}

func (s *server) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return &pb.DescribeResponse{
		Name:    valid(s.Name),
		Version: valid(s.Version),
		Options: convert(s.Options, encodeOption),
	}, nil
}

func (s *server) Configure(ctx context.Context, m *pb.ConfigureRequest) (*pb.ConfigureResponse, error) {
	_, leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if m.GetCheckOnly() {
		return s.validate(m.GetConfig()), nil
	}
	s.configuring.Lock()
	defer s.configuring.Unlock()
	if s.configured() {
		return nil, errConfigured
	}
	ctx, cancel := s.soften(ctx)
	defer cancel()
	var connector Connector
	var problems []Problem
	err = s.guard("Open", func() (err error) {
		env := Env{Instance: m.GetInstance(), StateDir: m.GetStateDir(), Log: s.log}
		connector, problems, err = s.open(ctx, env, m.GetConfig())
		return err
	})
	if err != nil || len(problems) > 0 {
		return &pb.ConfigureResponse{Problems: convert(problems, encodeProblem), Failure: encodeFailure(err)}, nil
	}
	var can []pb.Capability
	if err = s.guard("Open", func() error { can = capabilities(connector); return nil }); err != nil {
		s.close(connector)
		return &pb.ConfigureResponse{Failure: encodeFailure(err)}, nil
	}
	fields, err := s.carried(connector)
	if err != nil {
		s.close(connector)
		return &pb.ConfigureResponse{Failure: encodeFailure(err)}, nil
	}
	s.mu.Lock()
	s.connector = connector
	s.mu.Unlock()
	return &pb.ConfigureResponse{
		Capabilities: can,
		Fields:       fields,
		Limits: &pb.Limits{
			Batch:    int32(s.limits.Batch),
			InFlight: int32(s.limits.InFlight),
			Timeout:  durationpb.New(s.limits.Timeout),
		},
	}, nil
}

// validate checks a configuration and opens nothing. What the connector will be
// able to do is told as far as its type tells it.
func (s *server) validate(config []byte) *pb.ConfigureResponse {
	var kind Connector
	var problems []Problem
	err := s.guard("Validate", func() error { kind, problems = s.check(config); return nil })
	answer := &pb.ConfigureResponse{Problems: convert(problems, encodeProblem), Failure: encodeFailure(err)}
	if kind == nil {
		return answer
	}
	answer.Capabilities = methods(kind)
	if _, narrows := kind.(Carrier); !narrows {
		answer.Fields = s.fields
	}
	return answer
}

func (s *server) configured() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connector != nil
}

// carried are the field paths of the connector that Open gave.
func (s *server) carried(connector Connector) (fields []string, err error) {
	carrier, ok := connector.(Carrier)
	if !ok {
		return s.fields, nil
	}
	if err := s.guard("Fields", func() error { fields = carrier.Fields(); return nil }); err != nil {
		return nil, err
	}
	for _, path := range fields {
		if !carryable(path) {
			return nil, fmt.Errorf("the connector carries %q, which is no field path", path)
		}
	}
	return fields, nil
}

// methods are the capabilities that a connector's type decides.
func methods(connector Connector) []pb.Capability {
	var can []pb.Capability
	if _, ok := connector.(Checker); ok {
		can = append(can, pb.Capability_CAPABILITY_CHECK)
	}
	if _, ok := connector.(Lister); ok {
		can = append(can, pb.Capability_CAPABILITY_LIST)
	}
	if _, ok := connector.(Finder); ok {
		can = append(can, pb.Capability_CAPABILITY_FIND)
	}
	if _, ok := connector.(Normalizer); ok {
		can = append(can, pb.Capability_CAPABILITY_NORMALIZE)
	}
	if _, ok := connector.(Waiter); ok {
		can = append(can, pb.Capability_CAPABILITY_WAIT)
	}
	return can
}

// capabilities asks the connector, once, what it can do.
func capabilities(connector Connector) []pb.Capability {
	can := methods(connector)
	if lister, ok := connector.(SinceLister); ok && lister.ListsSince() {
		can = append(can, pb.Capability_CAPABILITY_SINCE)
	}
	if reader, ok := connector.(Reader); ok && reader.ReadsOnly() {
		can = append(can, pb.Capability_CAPABILITY_READ_ONLY)
	}
	return can
}

func (s *server) Apply(ctx context.Context, m *pb.ApplyRequest) (*pb.ApplyResponse, error) {
	connector, leave, err := able[Connector](s)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := s.soften(ctx)
	defer cancel()

	answer := &pb.ApplyResponse{}
	changes := make([]Change, 0, len(m.GetChanges()))
	for _, one := range m.GetChanges() {
		change, err := decodeChange(one)
		if _, known := pb.Op_name[int32(one.GetOp())]; err == nil && (!known || change.Op == 0) {
			err = fmt.Errorf("this version of the connector does not know operation %d", one.GetOp())
		}
		if err != nil {
			answer.Results = append(answer.Results, encodeResult(&Result{Key: one.GetKey(), Err: Reject("", err)}))
			continue
		}
		changes = append(changes, change)
	}
	if len(changes) == 0 {
		return answer, nil
	}
	var results []Result
	err = s.guard("Apply", func() (err error) {
		results, err = connector.Apply(ctx, changes)
		return err
	})
	for i := range results {
		s.logPanic("Apply", results[i].Err) // one that Each caught
		answer.Results = append(answer.Results, encodeResult(&results[i]))
	}
	answer.Rest = encodeFailure(err)
	return answer, nil
}

func (s *server) Check(ctx context.Context, _ *pb.CheckRequest) (*pb.CheckResponse, error) {
	checker, leave, err := able[Checker](s)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := s.soften(ctx)
	defer cancel()
	err = s.guard("Check", func() error { return checker.Check(ctx) })
	return &pb.CheckResponse{Failure: encodeFailure(err)}, nil
}

func (s *server) List(ctx context.Context, m *pb.ListRequest) (*pb.ListResponse, error) {
	lister, leave, err := able[Lister](s)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := s.soften(ctx)
	defer cancel()
	var page Page
	err = s.guard("List", func() (err error) {
		page, err = lister.List(ctx, Query{Cursor: m.GetCursor(), Since: decodeTime(m.GetSince()), Limit: int(m.GetLimit())})
		return err
	})
	if err != nil { // half a page is no page
		return &pb.ListResponse{Failure: encodeFailure(err)}, nil
	}
	return &pb.ListResponse{Items: convert(page.Items, encodeItem), Next: valid(page.Next)}, nil
}

func (s *server) Find(ctx context.Context, m *pb.FindRequest) (*pb.FindResponse, error) {
	finder, leave, err := able[Finder](s)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := s.soften(ctx)
	defer cancel()
	refs := convert(m.GetRefs(), func(r **pb.Ref) Ref {
		return Ref{Key: (*r).GetKey(), Remote: (*r).GetRemote(), Code: (*r).GetCode()}
	})
	var items []Item
	err = s.guard("Find", func() (err error) {
		items, err = finder.Find(ctx, refs)
		return err
	})
	if err != nil {
		return &pb.FindResponse{Failure: encodeFailure(err)}, nil
	}
	return &pb.FindResponse{Items: convert(items, encodeItem)}, nil
}

func (s *server) Wait(ctx context.Context, _ *pb.WaitRequest) (*pb.WaitResponse, error) {
	waiter, leave, err := able[Waiter](s)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := s.soften(ctx)
	defer cancel()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(s.refusing, stop)() // a stop does not wait for what only waits
	err = s.guard("Wait", func() error { return waiter.Wait(ctx) })
	return &pb.WaitResponse{Failure: encodeFailure(err)}, nil
}

func (s *server) Normalize(_ context.Context, m *pb.NormalizeRequest) (*pb.NormalizeResponse, error) {
	normalizer, leave, err := able[Normalizer](s)
	if err != nil {
		return nil, err
	}
	defer leave()
	answer := &pb.NormalizeResponse{}
	for _, one := range m.GetProducts() {
		var settled Product
		product, err := decodeProduct(one)
		if err == nil {
			err = s.guard("Normalize", func() (err error) {
				settled, err = normalizer.Normalize(product)
				return err
			})
		}
		if err != nil {
			answer.Products = append(answer.Products, &pb.Normalized{Failure: encodeFailure(err)})
			continue
		}
		answer.Products = append(answer.Products, &pb.Normalized{Product: encodeProduct(&settled)})
	}
	return answer, nil
}

func (s *server) Stop(ctx context.Context, _ *pb.StopRequest) (*pb.StopResponse, error) {
	ctx, cancel := s.soften(ctx)
	defer cancel()
	if err := s.stop(ctx); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	return &pb.StopResponse{}, nil
}

// refuse lets no new call in.
func (s *server) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	s.refused()
}

// stop refuses new calls, waits for those in flight and closes the connector.
// It may be called again, and then waits the same way.
func (s *server) stop(ctx context.Context) error {
	s.refuse()
	idle := make(chan struct{})
	go func() {
		s.inFlight.Wait()
		s.closing.Do(func() { s.close(s.connector) }) // no call changes it any more
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *server) close(connector Connector) {
	closer, ok := connector.(io.Closer)
	if !ok {
		return
	}
	if err := s.guard("Close", closer.Close); err != nil {
		s.log.Warn("closing failed", "error", err)
	}
}

// soften ends the context a little before its deadline, since at the deadline
// itself gRPC throws the answer away: results that are there must have left by
// then. It ends with the process too.
func (s *server) soften(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	unlink := context.AfterFunc(s.ending, func() { cancel(context.Cause(s.ending)) })
	done := func() { unlink(); cancel(nil) }
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, done
	}
	early := min(time.Until(deadline)/10, time.Second)
	ctx, stop := context.WithDeadline(ctx, deadline.Add(-early))
	return ctx, func() { stop(); done() }
}
