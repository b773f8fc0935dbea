package ops

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestSocketIsItsOwnersOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "s.sock")
	listener, err := Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != 0o600 {
		t.Errorf("the socket's mode is %o, want 600", mode)
	}
}

func TestSocketServesTheAPI(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	listener, err := Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: NewAPI(newWorld().deps), ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	request, err := http.NewRequestWithContext(t.Context(), "GET", "http://synchost/v1/version", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); !strings.Contains(string(body), `"version":"0.1.0"`) {
		t.Errorf("answered %s", body)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there after the server ended: %v", err)
	}
}

func TestSocketOfAnotherHostIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	first, err := Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), path); err == nil || !strings.Contains(err.Error(), "another synchost answers") {
		t.Errorf("the second host got %v", err)
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := first.Close(); err != nil { // as after kill -9: the file stays and nobody answers
		t.Fatal(err)
	}
	second, err := Listen(t.Context(), path)
	if err != nil {
		t.Fatalf("a socket that was left behind is in the way: %v", err)
	}
	second.Close()
}

func TestSocketPathsThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file:                           "is no socket",
		"/" + strings.Repeat("x", 104): "too long",
		filepath.Join(file, "s.sock"):  "host.socket",
	} {
		listener, err := Listen(t.Context(), path)
		if err == nil {
			listener.Close()
			t.Errorf("%s is listened at", path)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want a word of %q", path, err, want)
		}
	}
	if data, _ := os.ReadFile(file); string(data) != "data" {
		t.Error("a file that is no socket was removed")
	}
}
