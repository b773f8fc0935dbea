package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	pb "github.com/synchost/synchost/sdk/proto"
	"google.golang.org/grpc"
)

// ProtocolVersion is the major version of the contract that this package
// speaks, and the go-plugin version it is offered under.
const ProtocolVersion = 1

// MaxMessage is the largest message, in bytes, that either side sends or takes.
const MaxMessage = 64 << 20

// Dispensed is the name under which go-plugin hands out the *Client.
const Dispensed = "connector"

// Handshake is what host and connector show each other before they speak gRPC.
// It keeps people from starting a connector by hand; it is no secret.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  ProtocolVersion,
	MagicCookieKey:   "SYNCHOST_CONNECTOR",
	MagicCookieValue: "1",
}

// goodbye is how long a connector that is told to end by a signal may finish
// what is in flight.
const goodbye = 10 * time.Second

// Serve is the main function of a connector. It returns, or ends the process,
// when the host is done with it or gone. What the connector prints to os.Stdout
// and os.Stderr goes to the host's log, as Env.Log does; before its first call
// it must print nothing to os.Stdout.
//
// Run by hand it says what it is; with --describe it prints its Description as
// JSON. A Plugin that cannot work, such as one without Open, ends the process
// with a message.
func Serve[Config any](p Plugin[Config]) {
	definition, err := define(p)
	if err != nil {
		fmt.Fprintf(os.Stderr, "connector %q: %v\n", p.Name, err)
		os.Exit(1)
	}
	if len(os.Args) == 2 && os.Args[1] == "--describe" {
		if err := describe(os.Stdout, definition); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(Handshake.MagicCookieKey) != Handshake.MagicCookieValue {
		fmt.Fprintf(os.Stderr, "This is the synchost connector %q, version %s. The synchost host starts it; alone it does nothing.\n"+
			"Write plugin = %q in a [connectors.<name>] block of connectors.toml, or run it with --describe to see its options.\n",
			p.Name, p.Version, p.Name)
		os.Exit(1)
	}
	go dieWithParent()
	s := newServer(definition, newLog(p.Name, hclog.Trace)) // the host drops what it does not want
	go s.stopOnSignal()
	s.idle = time.AfterFunc(idleTime, debug.FreeOSMemory)
	plugin.Serve(serveConfig(s, newLog(p.Name, hclog.Warn), ownOutput())) // go-plugin's own steps are nobody's news
	s.shutDown()
}

// idleTime is how long there has to be no call until the process gives back the
// memory that it does not need now.
const idleTime = 5 * time.Second

func newLog(name string, level hclog.Level) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: name, Level: level, Output: os.Stderr, JSONFormat: true})
}

// ServeConfig is what Serve gives to go-plugin, for those who run the server
// themselves: tests set its Test field and reach the connector through the real
// wire without a process.
func ServeConfig[Config any](p Plugin[Config], log hclog.Logger) (*plugin.ServeConfig, error) {
	definition, err := define(p)
	if err != nil {
		return nil, err
	}
	return serveConfig(newServer(definition, log), log), nil
}

func serveConfig(s *server, log hclog.Logger, own ...grpc.ServerOption) *plugin.ServeConfig {
	return &plugin.ServeConfig{
		HandshakeConfig:  Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{ProtocolVersion: {Dispensed: &wirePlugin{server: s}}},
		Logger:           log,
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			own = append(own, grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage))
			return grpc.NewServer(append(options, own...)...)
		},
	}
}

// ClientPlugins is the host's side of the wire, for go-plugin's
// ClientConfig.VersionedPlugins[ProtocolVersion]. Dispensing Dispensed from it
// gives a *Client.
func ClientPlugins() plugin.PluginSet {
	return plugin.PluginSet{Dispensed: &wirePlugin{}}
}

// ClientDialOptions are the message limits, for go-plugin's
// ClientConfig.GRPCDialOptions.
func ClientDialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithDefaultCallOptions(
		grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage))}
}

// wirePlugin is both ends of the wire as go-plugin wants them.
type wirePlugin struct{ server *server }

var _ plugin.GRPCPlugin = (*wirePlugin)(nil)

func (w *wirePlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterConnectorServer(s, w.server)
	return nil
}

func (*wirePlugin) GRPCClient(gone context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return &Client{rpc: pb.NewConnectorClient(conn), gone: gone}, nil
}

// Server and Client belong to go-plugin's older protocol, which is not spoken.
func (*wirePlugin) Server(*plugin.MuxBroker) (any, error)              { return nil, errNetRPC }
func (*wirePlugin) Client(*plugin.MuxBroker, *rpc.Client) (any, error) { return nil, errNetRPC }

// describe prints what Describe answers.
func describe(w io.Writer, d *definition) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(d.Description)
}

// stopOnSignal ends the process in order when the system asks it to. Interrupts
// are not listened to: a terminal sends them to the host as well, and the host
// decides.
func (s *server) stopOnSignal() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	<-asked
	s.shutDown()
	os.Exit(0)
}

// shutDown stops without the host's asking: calls in flight are told to end, and
// have a limited time to return what they have.
func (s *server) shutDown() {
	s.refuse() // first: what comes now was not sent, rather than told to end
	s.end(errEnding)
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	if err := s.stop(ctx); err != nil {
		s.log.Warn("could not stop in order", "error", err)
	}
}
