package receive

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// medusa takes what the subscriber in docs/receivers.md sends from a Medusa shop,
// which has no webhooks of its own, only events inside, which a subscriber hears.
// Read 2026-11: https://docs.medusajs.com/learn/fundamentals/events-and-subscribers
// and https://docs.medusajs.com/resources/references/events
//
// Events carry an id and nothing else, so they are hints; only a deletion says all
// there is to say. The price of a product changes by an event of its variant, which
// is a hint of the product where the subscriber has looked up whose it is.
//
// The signature covers the body, which has the time when it was sent: what comes
// again within the tolerance is the same event, and later it is refused.
func medusa(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	s, more := newSignature(c, config.Signature{Header: "X-Medusa-Signature", Algorithm: "sha256", Encoding: "hex", Signed: "{body}"})
	return scheme{
		methods: []string{http.MethodPost},
		verify:  func(r *request) error { return verifyMedusa(r, s, c.Tolerance) },
		events:  m.or(medusaEvents),
		hides:   []string{s.header},
		sample:  sampleJSON(`{"event":"product.updated","data":{"id":"prod_01JSXX3ZVW4M4RS0NH4MSWCQWA"},"sent_at":"2026-11-01T12:00:00.000Z"}`),
		prove: func(it *sample, now time.Time) {
			it.body = medusaSent.ReplaceAll(it.body, []byte(`"sent_at":"`+now.UTC().Format("2006-01-02T15:04:05.000Z")+`"`))
			s.prove(it, now)
		},
	}, append(problems, more...)
}

var medusaSent = regexp.MustCompile(`"sent_at":"[^"]*"`)

func verifyMedusa(r *request, s *signature, tolerance time.Duration) error {
	if err := s.verify(r); err != nil {
		return err
	}
	body, err := r.body()
	if err != nil {
		return err
	}
	var said struct {
		Sent time.Time `json:"sent_at"`
	}
	if readJSON(body, &said) != nil || said.Sent.IsZero() {
		return malformed("The body does not say in sent_at when it was sent.", nil)
	}
	if err := checkAge(said.Sent, r.now, tolerance); err != nil {
		return err
	}
	r.id = digestID(body)
	return nil
}

var medusaOps = map[string]sdk.EventOp{
	"product.created": sdk.Created, "product.updated": sdk.Updated, "product.deleted": sdk.Deleted,
}

func medusaEvents(r *request) ([]event.Event, error) {
	var said struct {
		Event string          `json:"event"`
		Data  json.RawMessage `json:"data"`
		Sent  time.Time       `json:"sent_at"`
	}
	if err := r.json(&said); err != nil {
		return nil, err
	}
	op, ofProduct := medusaOps[said.Event]
	if !ofProduct && !strings.HasPrefix(said.Event, "product-variant.") {
		return r.raw(r.id, "")
	}
	var of struct {
		ID      string `json:"id"`
		Product string `json:"product_id"`
	}
	if err := readJSON(said.Data, &of); err != nil {
		return nil, malformed("The data in the body is not what Medusa tells of products:", err)
	}
	key := of.ID
	if !ofProduct {
		op, key = sdk.Updated, of.Product
	}
	if !ofProduct && key == "" {
		return r.raw(r.id, "") // nobody has looked up whose variant it is
	}
	e, err := snapshot{}.event(r.id, op, key, said.Sent)
	e.Hint = op != sdk.Deleted
	return []event.Event{e}, err
}
