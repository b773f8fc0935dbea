package sdk

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// call makes one call and says in this package's words what became of it.
func call[Q, A any](ctx context.Context, c *Client, method func(context.Context, *Q, ...grpc.CallOption) (*A, error), q *Q) (*A, error) {
	joined, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.gone, func() { cancel(ErrProcessGone) })()
	var reached peer.Peer
	answer, err := method(joined, q, grpc.Peer(&reached))
	if err == nil {
		return answer, nil
	}
	err = c.tell(ctx, status.Convert(err))
	if reached.Addr == nil { // gRPC never had a connection to send it on
		return nil, fmt.Errorf("%w (%w)", err, ErrNotSent)
	}
	return nil, err
}

// tell says what a status tells of a call with ctx.
func (c *Client) tell(ctx context.Context, s *status.Status) error {
	switch code := s.Code(); {
	case c.gone.Err() != nil, code == codes.Unavailable:
		return fmt.Errorf("%w: %s", ErrProcessGone, s.Message())
	case ctx.Err() != nil:
		return fmt.Errorf("no answer from the connector: %w", context.Cause(ctx))
	case code == codes.Canceled: // not by us: the connection was closed
		return fmt.Errorf("%w: %s", ErrProcessGone, s.Message())
	case code == codes.DeadlineExceeded:
		return fmt.Errorf("no answer from the connector: %w", context.DeadlineExceeded)
	case code == codes.Unimplemented:
		return fmt.Errorf("%w: %s", errors.ErrUnsupported, s.Message())
	case code == codes.FailedPrecondition: // the SDK's server, before it called the connector
		return fmt.Errorf("%w: %s", ErrNotSent, s.Message())
	}
	return fmt.Errorf("calling the connector: %s", s.Message())
}
