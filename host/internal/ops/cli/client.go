package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/BurntSushi/toml"

	"github.com/synchost/synchost/host/internal/ops"
)

// maxAnswer bounds what is read of one answer.
const maxAnswer = 1 << 30

// findSocket is where the host of the configuration listens. It reads no more of
// the file than that, so that it needs none of the host's secrets.
func (a *app) findSocket() (string, error) {
	if a.socket != "" {
		return a.socket, nil
	}
	var file struct {
		Host struct {
			Socket  string `toml:"socket"`
			DataDir string `toml:"data_dir"`
		} `toml:"host"`
	}
	if _, err := toml.DecodeFile(a.file, &file); errors.Is(err, fs.ErrNotExist) {
		return "", usageError(fmt.Sprintf("there is no %s here: name the configuration with --config, or the host's socket with --socket", a.file))
	} else if err != nil {
		return "", usageError(fmt.Sprintf("%s cannot be read: see what is wrong with: synchost validate --config %s", a.file, a.file))
	}
	socket := file.Host.Socket
	if socket == "" {
		if file.Host.DataDir == "" {
			file.Host.DataDir = "data"
		}
		socket = filepath.Join(file.Host.DataDir, "synchost.sock")
	}
	if !filepath.IsAbs(socket) {
		socket = filepath.Join(filepath.Dir(a.file), socket)
	}
	return filepath.Abs(socket)
}

// ask calls the control API and returns the answer's body, open.
func (a *app) ask(ctx context.Context, method, path string, query url.Values, request any) (io.ReadCloser, error) {
	socket, err := a.findSocket()
	if err != nil {
		return nil, err
	}
	var body io.Reader = http.NoBody
	if request != nil {
		text, err := json.Marshal(request)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	target := url.URL{Scheme: "http", Host: "synchost", Path: path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, err
	}
	if request != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	response, err := client.Do(r)
	if err != nil {
		return nil, a.explain(err, socket)
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		return nil, failure(response)
	}
	return response.Body, nil
}

const errStopped = notRunningError("The host has stopped.")

// explain says why the host was not reached, and what to do.
func (a *app) explain(err error, socket string) error {
	var operation *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to talk to the host at %s: do it as the user that runs the host", socket)
	case errors.As(err, &operation) && operation.Op == "dial":
		return notRunningError(fmt.Sprintf("The host is not running: nobody answers at %s.\nStart it with: synchost run --config %s\nIf it runs with another configuration, name that with --config.", socket, a.file))
	}
	return errStopped
}

// failure is the error that an answer tells of.
func failure(response *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	var answer ops.Error
	if json.Unmarshal(text, &answer) != nil || answer.Error == "" {
		return fmt.Errorf("the host answered %s", response.Status)
	}
	return errors.New(answer.Error)
}

// call asks for one answer.
func call[T any](ctx context.Context, a *app, method, path string, query url.Values, request any) (answer T, err error) {
	body, err := a.ask(ctx, method, path, query, request)
	if err != nil {
		return answer, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return answer, errStopped
	}
	if len(text) == 0 { // it is done, and there is nothing to tell
		return answer, nil
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, fmt.Errorf("the host's answer is of another version than this command: %w", err)
	}
	return answer, nil
}

// each asks for a stream and shows its values as they come. With --json they are
// printed as they are, one a line.
func each[T any](ctx context.Context, a *app, path string, query url.Values, show func(T) error) error {
	query.Set("follow", "1")
	body, err := a.ask(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	reader := bufio.NewReader(body)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errStopped
		}
		var end ops.Error
		if err := json.Unmarshal(line, &end); err == nil && end.Error != "" {
			return errors.New(end.Error)
		}
		if a.json {
			if _, err := a.out.Write(line); err != nil {
				return err
			}
			continue
		}
		var value T
		if err := json.Unmarshal(line, &value); err != nil {
			return fmt.Errorf("the host's answer is of another version than this command: %w", err)
		}
		if err := show(value); err != nil {
			return err
		}
	}
}
