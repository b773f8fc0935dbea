// Package launch runs connectors: it starts each one's process, watches it,
// starts it again when it ends or hangs, and drains it on a stop. It is the only
// package of the host that knows of processes and of go-plugin.
//
// A process gets a private copy of its binary, whose hash was checked; a private
// folder for its socket; an environment of its own; a process group that ends
// with it; and limits. However the host dies, the process does not outlive it: on
// Linux by death signal, on Windows by job object, elsewhere because the SDK
// watches its parent.
package launch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

// State is where a connector stands.
type State string

// The states of a connector.
const (
	Disabled      State = "disabled"      // by configuration: nothing is started
	Starting      State = "starting"      // its process is on the way
	Ready         State = "ready"         // Client hands it out
	Waiting       State = "waiting"       // it ended, and is started again at Status.Next
	Fused         State = "fused"         // it crashed too often: it stays down until Restart
	Misconfigured State = "misconfigured" // it refuses its configuration, or we its binary: it stays down until Restart
	Stopping      State = "stopping"      // calls in flight are waited for
	Stopped       State = "stopped"       // Run has ended
)

// Status is what there is to know of a connector's process. No secret of the
// configuration is in it.
type Status struct {
	Connector string
	State     State
	Since     time.Time       // of State
	Reason    string          // why it is not ready; empty where State says it all
	Problems  config.Problems // when Misconfigured, where options are at fault
	Next      time.Time       // when Waiting
	Restarts  int             // starts after the first

	// Of the last process.
	Version string           // the connector's own
	Can     []sdk.Capability // once it was ready
	PID     int              // 0: none runs
	SHA256  string           // of the binary that runs, or ran last
	Stderr  []string
}

// ErrDown is in the errors of Client about a connector that does not come back
// by itself.
var ErrDown = errors.New("the connector is down")

// Process keeps one connector running. Its methods may be called from several
// goroutines at once.
type Process struct {
	spec    Spec
	log     hclog.Logger
	logs    *logs
	reg     prometheus.Registerer
	metrics *metrics
	times   times
	pace    pace
	kick    chan struct{} // Restart was called

	mu      sync.Mutex
	status  Status
	client  *sdk.Client   // nil unless ready
	changed chan struct{} // closed, and made anew, at each change of state
}

// times are the waits that tests shorten.
type times struct{ probeEvery, probeTimeout time.Duration }

// New prepares a connector; Run runs it. The log gets its own lines and, under
// the connector's name, those of its process; reg may be nil.
func New(spec Spec, log hclog.Logger, reg prometheus.Registerer) *Process {
	p := &Process{
		spec:    spec,
		log:     log.Named(spec.Connector.Name),
		reg:     reg,
		metrics: newMetrics(spec.Connector.Name),
		times:   times{probeEvery, probeTimeout},
		kick:    make(chan struct{}, 1),
		status:  Status{Connector: spec.Connector.Name, State: Starting, Since: time.Now()},
		changed: make(chan struct{}),
	}
	if !spec.Connector.Enabled {
		p.status.State = Disabled
	}
	p.logs = newConnectorLogs(spec, p.log, func(n int) { p.metrics.dropped.Add(float64(n)) })
	return p
}

func newConnectorLogs(spec Spec, log hclog.Logger, drop func(int)) *logs {
	l := newLogs(log, hclog.LevelFromString(spec.Connector.LogLevel), drop)
	l.hide(spec.Connector.SecretTexts(nil))
	return l
}

// Name is the connector's.
func (p *Process) Name() string { return p.spec.Connector.Name }

// Run keeps the connector running until ctx ends, then drains it. It is called
// once. The error says that the drain did not go well: calls in flight were cut
// off.
func (p *Process) Run(ctx context.Context) error {
	unregister, err := p.metrics.register(p.reg)
	defer unregister()
	if err != nil {
		return fmt.Errorf("connector %s: %w", p.spec.Connector.Name, err)
	}
	if !p.spec.Connector.Enabled {
		<-ctx.Done()
		return nil
	}
	p.spec.sweep(p.log)
	for {
		err := p.live(ctx)
		if ctx.Err() != nil {
			p.set(Stopped, "")
			if e := (*ended)(nil); err == nil || errors.As(err, &e) {
				return nil
			}
			return fmt.Errorf("connector %s: %w", p.spec.Connector.Name, err)
		}
		if !p.rest(ctx, err) {
			p.set(Stopped, "")
			return nil
		}
		p.metrics.restarts.Inc()
		p.update(func(s *Status) { s.Restarts++ })
	}
}

// live runs one process from its start to its end, and says why it ended. The
// answer to a stop or a restart that went well is nil.
func (p *Process) live(ctx context.Context) error {
	began := time.Now()
	p.logs.forget()
	p.set(Starting, "")
	l, err := p.open(ctx)
	if l != nil {
		defer l.end()
	}
	if err != nil {
		return &ended{cause: err}
	}
	p.metrics.start.Observe(time.Since(began).Seconds())
	p.log.Info("connector ready", "version", p.Status().Version, "pid", l.child.ID(), "sha256", l.sum)
	ready := time.Now()
	p.hand(l.connector)
	err = p.watch(ctx, l)
	if err != nil {
		p.set(Starting, p.logs.masked(err.Error())) // nobody gets this client any more
		return &ended{cause: err, ready: time.Since(ready)}
	}
	p.set(Stopping, "")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.spec.stopTimeout())
	defer cancel()
	return l.stop(drain)
}

// open starts a process and configures the connector.
func (p *Process) open(ctx context.Context) (*life, error) {
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	l, err := start(starting, p.spec, p.logs)
	p.update(func(s *Status) { s.SHA256 = l.sum })
	if err != nil {
		return nil, err
	}
	p.update(func(s *Status) { s.PID = l.child.cmd.Process.Pid })
	defer context.AfterFunc(ctx, func() { _ = l.child.Kill(ctx) })()
	is, err := l.describe(starting, p.spec, p.logs)
	if err != nil {
		return l, err
	}
	p.update(func(s *Status) { s.Version = is.Version })

	configuring, cancel := context.WithTimeout(ctx, configureTimeout)
	defer cancel()
	_, problems, err := l.connector.Configure(configuring, p.spec.Setup())
	if len(problems) > 0 {
		return l, config.Problems(p.spec.Connector.Problems(problems))
	}
	return l, l.explain(err)
}

// watch waits until the process ends, hangs, is to be restarted, or ctx ends;
// the last two give nil.
func (p *Process) watch(ctx context.Context, l *life) error {
	probe := time.NewTicker(p.times.probeEvery)
	defer probe.Stop()
	for misses := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-p.kick:
			return nil
		case <-l.child.done:
			return errors.New(l.child.ending())
		case method := <-l.overdue:
			return fmt.Errorf("it hangs: %s gave no answer by its deadline", method)
		case <-probe.C:
		}
		err := l.ping(ctx, p.times.probeTimeout)
		if err == nil || ctx.Err() != nil {
			misses = 0
			continue
		}
		misses++
		p.log.Warn("connector does not answer its health probe", "misses", misses, "error", err)
		if misses == probeMisses {
			return fmt.Errorf("it hangs: %d health probes in a row went unanswered", misses)
		}
	}
}

// ended tells of a process that ended without our asking.
type ended struct {
	cause error
	ready time.Duration // how long it was ready
}

func (e *ended) Error() string { return e.cause.Error() }
func (e *ended) Unwrap() error { return e.cause }

// rest waits until the connector is to be started again, and says whether it
// is; err is why it ended.
func (p *Process) rest(ctx context.Context, err error) bool {
	var e *ended
	if !errors.As(err, &e) { // a restart that was asked for
		if err != nil {
			p.log.Warn("connector did not stop in order", "error", p.logs.masked(err.Error()))
		}
		p.pace = pace{}
		return true
	}
	reason := p.logs.masked(err.Error())
	var again <-chan time.Time
	var problems config.Problems
	if errors.As(err, &problems) || sdk.KindOf(err) == sdk.Denied {
		p.update(func(s *Status) { s.Problems = problems })
		p.set(Misconfigured, reason)
		p.log.Error("connector cannot run as it is configured", "reason", reason)
	} else {
		again = p.pause(e, reason)
	}
	select {
	case <-ctx.Done():
		return false
	case <-p.kick:
		p.pace = pace{}
	case <-again:
	}
	return true
}

// pause sets when the connector is started again; never, if its fuse blew.
func (p *Process) pause(e *ended, reason string) <-chan time.Time {
	var said *sdk.Error // the platform's trouble, not the process's
	atPlatform := errors.As(e, &said)
	crash := !atPlatform && !errors.As(e, new(*machineTrouble))
	wait, blown := p.pace.failed(time.Now(), e.ready, crash)
	last := lastWords(p.logs.last())
	if blown {
		reason = fmt.Sprintf("crashed %d times within %s; the last time %s", fuseSize, fuseSpan, reason)
		if len(last) > 0 {
			reason += "; its last lines:\n" + strings.Join(last, "\n")
		}
		p.set(Fused, reason)
		p.log.Error("connector crashes again and again: it stays down until it is restarted", "reason", reason)
		return nil
	}
	if atPlatform {
		wait = max(wait, said.After)
	}
	p.update(func(s *Status) { s.Next = time.Now().Add(wait) })
	p.set(Waiting, reason)
	p.log.Error("connector ended", "reason", reason, "again_in", wait, "last_lines", last)
	return time.After(wait)
}

// set changes the state; whoever waits in Client looks again.
func (p *Process) set(state State, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.client = nil
	p.become(state, reason)
}

// hand makes the connector ready.
func (p *Process) hand(c *sdk.Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.client = c
	p.status.Can = c.Opened().Capabilities
	p.become(Ready, "")
}

// become needs p.mu.
func (p *Process) become(state State, reason string) {
	s := &p.status
	s.State, s.Reason, s.Since = state, reason, time.Now()
	if state != Misconfigured {
		s.Problems = nil
	}
	if state != Waiting {
		s.Next = time.Time{}
	}
	if state != Ready && state != Stopping {
		s.PID = 0
	}
	up := 0.0
	if state == Ready {
		up = 1
	}
	p.metrics.up.Set(up)
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Process) update(change func(*Status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.status)
}

// Status is how the connector stands now.
func (p *Process) Status() Status {
	p.mu.Lock()
	s := p.status
	p.mu.Unlock()
	s.Stderr = p.logs.last()
	return s
}

// Restart drains the process and starts it anew, or ends the wait of one that
// is down. It returns at once.
func (p *Process) Restart() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// Client is the connector, as soon as it is ready. It fails when ctx ends
// before that, and at once, with ErrDown, when the connector will not come back
// by itself. Calls that were in flight when its process ended give
// sdk.ErrProcessGone; Client then hands out the next one.
func (p *Process) Client(ctx context.Context) (*sdk.Client, error) {
	for {
		p.mu.Lock()
		client, s, changed := p.client, p.status, p.changed
		p.mu.Unlock()
		if client != nil {
			return client, nil
		}
		switch s.State {
		case Disabled, Fused, Misconfigured, Stopped:
			return nil, fmt.Errorf("%w: %s", ErrDown, s)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", s, context.Cause(ctx))
		}
	}
}

// String is the status as one line for people.
func (s Status) String() string {
	text := fmt.Sprintf("connector %s is %s", s.Connector, s.State)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}
