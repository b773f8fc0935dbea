package launch

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// told are the messages of the wire whose texts end up before people: in
// errors, delivery records and the API.
var told = map[protoreflect.Name]bool{"Failure": true, "Problem": true, "Exchange": true}

// maskReplies masks what a connector tells of its failures and exchanges. The
// SDK's helpers don't put secrets there; a connector that uses none may.
func maskReplies(mask func(string) string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if m, ok := reply.(proto.Message); ok && err == nil {
			maskMessage(m.ProtoReflect(), mask)
		}
		return err
	}
}

func maskMessage(m protoreflect.Message, mask func(string) string) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		inner := field.Message()
		switch {
		case field.IsMap(), inner != nil && inner.Name() == "Product": // data, not talk
		case inner != nil && field.IsList():
			for i := range v.List().Len() {
				maskMessage(v.List().Get(i).Message(), mask)
			}
		case inner != nil:
			maskMessage(v.Message(), mask)
		case told[m.Descriptor().Name()] && field.Kind() == protoreflect.StringKind && !field.IsList():
			m.Set(field, protoreflect.ValueOfString(mask(v.String())))
		}
		return true
	})
}
