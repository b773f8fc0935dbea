package sdk

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// call makes one call and says in this package's words what became of it.
func call[Q, A any](ctx context.Context, c *Client, method func(context.Context, *Q, ...grpc.CallOption) (*A, error), q *Q) (*A, error) {
	joined, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.gone, func() { cancel(ErrProcessGone) })()
	answer, err := method(joined, q)
	if err == nil {
		return answer, nil
	}
	switch code := status.Code(err); {
	case c.gone.Err() != nil, code == codes.Unavailable:
		return nil, fmt.Errorf("%w: %s", ErrProcessGone, status.Convert(err).Message())
	case ctx.Err() != nil:
		return nil, fmt.Errorf("no answer from the connector: %w", context.Cause(ctx))
	case code == codes.DeadlineExceeded:
		return nil, fmt.Errorf("no answer from the connector: %w", context.DeadlineExceeded)
	case code == codes.Unimplemented:
		return nil, fmt.Errorf("%w: %s", errors.ErrUnsupported, status.Convert(err).Message())
	}
	return nil, fmt.Errorf("calling the connector: %s", status.Convert(err).Message())
}
