package launch

import (
	"context"

	"google.golang.org/grpc"

	"github.com/synchost/synchost/sdk/proto"
)

// maskReplies masks what a connector tells people: of failures, problems and
// exchanges, which end up in errors, delivery records and the API. The SDK's
// helpers don't put secrets there; a connector that uses none may.
func maskReplies(mask func(string) string) grpc.UnaryClientInterceptor {
	m := masked(mask)
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if err == nil {
			m.reply(reply)
		}
		return err
	}
}

// masked hides secrets in a text.
type masked func(string) string

func (m masked) reply(reply any) {
	switch r := reply.(type) {
	case *proto.ApplyResponse:
		for _, result := range r.Results {
			m.failure(result.Failure)
			if x := result.Exchange; x != nil {
				x.Request, x.Response = m(x.Request), m(x.Response)
			}
		}
		m.failure(r.Rest)
	case *proto.ConfigureResponse:
		for _, p := range r.Problems {
			p.Path, p.Message = m(p.Path), m(p.Message)
		}
		m.failure(r.Failure)
	case *proto.CheckResponse:
		m.failure(r.Failure)
	case *proto.ListResponse:
		m.failure(r.Failure)
	case *proto.FindResponse:
		m.failure(r.Failure)
	case *proto.NormalizeResponse:
		for _, p := range r.Products {
			m.failure(p.Failure)
		}
	}
}

func (m masked) failure(f *proto.Failure) {
	if f != nil {
		f.Field, f.Message = m(f.Field), m(f.Message)
	}
}
