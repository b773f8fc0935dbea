package ops

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// maxSocketPath is what fits into a Unix socket's address on every system.
const maxSocketPath = 103

// Listen opens the control API's Unix socket, for this user only. A socket that
// another process left behind is removed; one at which somebody answers is not.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("host.socket: %s is too long for a Unix socket: set a path of at most %d bytes", path, maxSocketPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("host.socket: %w", err)
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: restrict}
	listener, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("host.socket: %w", err)
	}
	if err := protect(path); err != nil {
		listener.Close()
		return nil, fmt.Errorf("host.socket: %w", err)
	}
	return listener, nil
}

// removeStale makes room for a socket at path.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("host.socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("host.socket: %s is there and is no socket: remove it or set another path", path)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("host.socket: another synchost answers at %s: stop it, or set another path", path)
	}
	if !refused(err) {
		return fmt.Errorf("host.socket: cannot tell whether another synchost uses %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("host.socket: %w", err)
	}
	return nil
}
