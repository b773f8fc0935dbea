// Package receive is the way in: it verifies HTTP requests of senders and turns
// them into events. A sender gets 2xx only after the events are on disk.
//
// There is one pipeline (Handler.ServeHTTP) for all receivers, and one file for
// each scheme, which says how its senders prove themselves and what their
// requests mean. No request does anything before it is verified.
package receive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

// Accepter keeps events durably, all or none; see store.Store. It holds on to
// nothing of the slice when it returns.
type Accepter interface {
	Accept(ctx context.Context, events []event.Event) ([]store.Receipt, error)
}

// Options are what receivers share. Zero values will do to check a configuration.
type Options struct {
	Accepter       Accepter
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	MaxBody        int64          // bytes, for receivers that set none; 0: 1 MiB
	ReadTimeout    time.Duration  // a stream must bring something in this time; 0: 15s
	Log            hclog.Logger
	Metrics        prometheus.Registerer
	Now            func() time.Time
	Outside        Outside
}

// Handler serves all receivers, each at its path.
type Handler struct {
	routes  routes
	options Options
	metrics *metrics
	unknown *tally // of requests that no receiver is there for
	room    *room
	trial   bool // requests are not from where they say
}

// New makes the handler, or says what is wrong with the receivers' secrets,
// templates and expressions.
func New(receivers []config.Receiver, o Options) (*Handler, []config.Problem) {
	o = withDefaults(o)
	h := &Handler{options: o, metrics: newMetrics(o.Metrics), room: &room{most: roomForAll}}
	h.unknown = newTally("", o.Log, h.metrics)
	var problems []config.Problem
	for _, c := range receivers {
		s, wrong := newScheme(c)
		problems = append(problems, wrong...)
		if c.MaxBody == 0 {
			c.MaxBody = o.MaxBody
		}
		h.routes.add(c.Path, &receiver{
			config: c, scheme: s, secrets: digests(c.Secrets), limit: newLimit(c.Rate),
			tally: newTally(c.Name, o.Log, h.metrics),
		})
	}
	return h, problems
}

func withDefaults(o Options) Options {
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = 15 * time.Second
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Outside.Client == nil {
		o.Outside.Client = newOutside()
	}
	return o
}

// receiver is one configured way in.
type receiver struct {
	config  config.Receiver
	scheme  scheme
	secrets secrets
	limit   *limit
	tally   *tally
}

// scheme is one way of sending. Its functions are called in this order, and each
// only if the one before had no objection; those that are optional may be nil.
type scheme struct {
	methods []string                                 // nil: any
	greet   func(*request) (*greeting, error)        // optional: answers who only wants to know whether it is expected; nil: it brings something
	verify  func(*request) error                     // is it from whom it should be?
	stream  func(*request, keepFunc) (*taken, error) // optional: keeps what it says as it comes; nil taken: ask events
	events  func(*request) ([]event.Event, error)    // what does it say?
	answer  func(http.ResponseWriter, *taken)        // optional: default 200 without a body

	hides  []string                 // headers that are a proof, beside those that are known to be one by their names
	sample sample                   // what a sender would send, but for the proof
	prove  func(*sample, time.Time) // optional: proves a sample as the sender would; nil: that takes a key that only the sender has
}

// keepFunc keeps events of one receiver; what has gone wrong comes back as a refusal.
type keepFunc func(ctx context.Context, events []event.Event) (taken, error)

// taken is what became of a request's events. It is the answer of the product scheme.
type taken struct {
	Accepted   int         `json:"accepted"`
	Duplicates int         `json:"duplicates"`
	Refused    int         `json:"refused,omitempty"`
	Errors     []lineError `json:"errors,omitempty"` // of the first that were refused

	echoes int // of Accepted
}

type lineError struct {
	Line  int    `json:"line"` // from 1
	Error string `json:"error"`
}

// schemes makes the schemes of config.Schemes.
var schemes = map[string]func(config.Receiver) (scheme, []config.Problem){
	"product":           product,
	"standard-webhooks": standardWebhooks,
	"hmac":              signed,
	"token":             token,
	"catch":             catch,
	"akeneo":            akeneo,
	"aspnet":            aspnet,
	"cloudevents":       cloudevents,
	"dropbox":           dropbox,
	"github":            github,
	"gitlab":            gitlab,
	"hesabfa":           hesabfa,
	"mailchimp":         mailchimp,
	"medusa":            medusa,
	"meta":              meta,
	"payamgostar":       payamgostar,
	"paypal":            paypal,
	"shopify":           shopify,
	"slack":             slack,
	"stripe":            stripe,
	"svix":              svix,
	"trello":            trello,
	"woocommerce":       wooCommerce,
}

func newScheme(c config.Receiver) (scheme, []config.Problem) {
	if make := schemes[c.Scheme]; make != nil {
		return make(c)
	}
	_, problems := newMapping(c) // not to be found only when the scheme is right
	return scheme{}, append(problems, c.Place.Problem("scheme", fmt.Sprintf("%q is not a scheme", c.Scheme)))
}

// ServeHTTP takes one request in.
func (h *Handler) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	start := time.Now()
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store") // answers to GET, too, are about this one request
	r, secret := h.routes.find(hr.URL.EscapedPath())
	if r == nil {
		h.refuse(w, hr, h.unknown, noReceiver())
		return
	}
	req := &request{
		Request: hr, receiver: r, secret: secret, now: h.options.Now(),
		control: http.NewResponseController(w), idle: h.options.ReadTimeout,
		outside: h.options.Outside, room: h.room,
	}
	defer func() { h.room.leave(req.holds) }()
	done, err := h.take(w, req)
	h.metrics.seconds.WithLabelValues(r.config.Name).Observe(time.Since(start).Seconds())
	switch {
	case err != nil:
		h.refuse(w, hr, r.tally, err)
	case req.greeting != nil:
		req.greeting.write(w)
	case r.scheme.answer != nil && done != nil:
		r.scheme.answer(w, done)
	default:
		// 200 and not 204: some senders try again on anything else.
		w.WriteHeader(http.StatusOK)
	}
}

// take leads a request through its scheme. What was taken is nil for a request
// that brings no event.
func (h *Handler) take(w http.ResponseWriter, r *request) (*taken, error) {
	if err := r.checkPath(); err != nil {
		return nil, err
	}
	if err := r.hold(maxHeader); err != nil {
		return nil, err
	}
	if err := r.checkMethod(w.Header()); err != nil {
		return nil, err
	}
	if err := r.checkSender(h.options.TrustedProxies); err != nil {
		return nil, err
	}
	if err := r.checkEncoding(); err != nil {
		return nil, err
	}
	s := &r.receiver.scheme
	if s.greet != nil && len(r.receiver.secrets) > 0 {
		greeting, err := s.greet(r)
		if r.greeting = greeting; greeting != nil || err != nil {
			return nil, err
		}
	}
	if err := s.verify(r); err != nil {
		return nil, err
	}
	if r.Method == http.MethodHead {
		return nil, nil // somebody looks whether there is anyone: never an event
	}
	// The rate counts verified requests only, so that nobody else can use it up.
	if err := r.receiver.limit.take(r.now); err != nil {
		return nil, err
	}
	keep := h.keepFor(r.receiver)
	if s.stream != nil {
		if done, err := s.stream(r, keep); done != nil || err != nil {
			return done, err
		}
	}
	events, err := s.events(r)
	if err != nil || r.greeting != nil { // a handshake that had to be proven
		return nil, err
	}
	done, err := keep(r.Context(), events)
	return &done, err
}

func (h *Handler) keepFor(r *receiver) keepFunc {
	return func(ctx context.Context, events []event.Event) (done taken, err error) {
		for i := range events {
			events[i].Source = r.config.Name
			if !tellable(events[i].Time) {
				events[i].Time = h.options.Now()
			}
		}
		receipts, err := h.options.Accepter.Accept(ctx, events)
		if err != nil {
			return done, notKept(err)
		}
		for _, receipt := range receipts {
			switch {
			case receipt.Duplicate:
				done.Duplicates++
			case receipt.Echo:
				done.echoes++
			}
		}
		done.Accepted = len(receipts) - done.Duplicates
		r.tally.took(done, h.options.Now())
		return done, nil
	}
}

// tellable says whether a time can be told as RFC 3339 has it, in UTC: the one of
// an event is for people, and what cannot be told would keep them from all others.
func tellable(t time.Time) bool {
	year := t.UTC().Year()
	return year > 0 && year < 10_000
}

func notKept(err error) error {
	const again = " Send it again later."
	no := refuse(http.StatusServiceUnavailable, "store", "The event could not be kept."+again)
	no.after = 5 * time.Second
	switch {
	case errors.Is(err, context.Canceled):
		no.reason, no.sentence = "gone", "The sender did not wait for the answer."+again
	case errors.Is(err, store.ErrBusy):
		no.reason, no.sentence, no.after = "busy", "More events are waiting to be written than may wait."+again, time.Second
	case errors.Is(err, store.ErrFull):
		no.reason, no.sentence, no.after = "full", "There is no room to keep the event."+again, time.Minute
	case errors.Is(err, store.ErrClosed):
		no.reason, no.sentence = "stopping", "The host is stopping."+again
	default:
		no.cause = err
	}
	return no
}

// Stats tells what the receivers have done since the start, in the order of the
// configuration.
func (h *Handler) Stats() []Stats {
	all := make([]Stats, len(h.routes.all))
	for i, r := range h.routes.all {
		all[i] = r.tally.stats()
		all[i].Scheme, all[i].Path, all[i].MaxBody = r.config.Scheme, r.config.Path, r.config.MaxBody
	}
	return all
}
