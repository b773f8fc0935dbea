package inspect

import (
	"context"
	"fmt"
	"net"
)

// Listen opens the inspector's address, which must be a loopback one: anybody
// who reaches the inspector reads what was sent to it.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("inspector.listen %q is no address: write one such as \"127.0.0.1:8471\": %w", address, err)
	}
	if !resolved.IP.IsLoopback() {
		return nil, fmt.Errorf("inspector.listen %q is not a loopback address: use one such as \"127.0.0.1:8471\"", address)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", resolved.String())
	if err != nil {
		return nil, fmt.Errorf("inspector.listen %q: %w", address, err)
	}
	return listener, nil
}
