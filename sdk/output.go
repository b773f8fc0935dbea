package sdk

import (
	"context"
	"os"
	"sync"

	"google.golang.org/grpc"
)

// ownOutput gives the connector its own os.Stdout and os.Stderr back at the
// first call. go-plugin puts pipes in their place, which it sends on by and by:
// the last words of a process that ends would be lost in them.
func ownOutput() grpc.ServerOption {
	stdout, stderr := os.Stdout, os.Stderr
	restore := sync.OnceFunc(func() { os.Stdout, os.Stderr = stdout, stderr })
	return grpc.ChainUnaryInterceptor(func(ctx context.Context, m any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		restore()
		return handle(ctx, m)
	})
}
