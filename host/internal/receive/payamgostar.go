package receive

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// payamgostar takes the webhook of the CRM of that name: a GET that says in its
// query which product changed, and nothing of how. It has two dialects: that of
// the product screen (Event, Product, Product Type, Product Name) and that of
// the other object types (event, id, type, subtype).
//
// The sender signs nothing, so it proves itself by the secret in the path or in
// the query. It numbers nothing either: a request that is repeated looks the same
// as one of a second change. To drop it could lose that change, so each request is
// an event of its own, with an id made here. What makes a repeat harmless is that
// an event is a hint: it has no state that could be taken twice, merges nothing,
// writes to no platform, and asks whoever it is passed on to to look again, which
// may be done twice. For the same reason a deletion is believed only when it has
// been seen.
func payamgostar(c config.Receiver) (scheme, []config.Problem) {
	return scheme{
		methods: []string{http.MethodGet},
		verify:  verifyToken,
		events:  payamgostarEvents,
		sample:  sample{method: http.MethodGet, query: "Event=1&Product=42&Product%20Type=B-1&Product%20Name=Bag"},
		prove:   proveToken(c),
	}, protection(c)
}

var payamgostarOps = map[string]sdk.EventOp{
	"0": sdk.Deleted, "delete": sdk.Deleted,
	"1": sdk.Updated, "update": sdk.Updated,
	"2": sdk.Created, "insert": sdk.Created, "create": sdk.Created,
}

// payamgostarNames are the parameters, as their folded spellings.
var payamgostarNames = map[string]string{
	"event": "event", "product": "id", "id": "id",
	"producttype": "code", "productcode": "code", "productname": "name",
	"type": "attributes.type", "subtype": "attributes.subtype",
}

// fold makes one spelling of the many that are seen: Product Type, product_type,
// ProductType.
var fold = strings.NewReplacer(" ", "", "_", "", "+", "")

func payamgostarEvents(r *request) ([]event.Event, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed("The query is not well-formed.", nil)
	}
	told := map[string]string{}
	for name, values := range query {
		part, known := payamgostarNames[strings.ToLower(fold.Replace(name))]
		if !known || name == r.receiver.config.Token.Query {
			continue
		}
		if _, twice := told[part]; twice || len(values) > 1 {
			return nil, malformed("The query tells the "+part+" more than once.", nil)
		}
		told[part] = values[0]
	}
	op, ok := payamgostarOps[strings.ToLower(told["event"])]
	if !ok {
		return nil, malformed("The parameter Event must be 0, 1, 2, Delete, Update, Insert or Create.", nil)
	}
	if err := event.CheckKey(told["id"]); err != nil {
		return nil, malformed("The parameter Product (or id) "+err.Error()+".", nil)
	}
	e := event.Event{ID: event.NewID(), Op: op, Key: told["id"], Time: r.now, Hint: true}
	if e.Patch, err = inPassing(told); err != nil {
		return nil, err
	}
	e.Patch.Product.Key = e.Key
	return []event.Event{e}, nil
}

// inPassing is what the sender tells beside the product's id.
func inPassing(told map[string]string) (p event.Patch, err error) {
	for _, part := range []string{"code", "name", "attributes.type", "attributes.subtype"} {
		text, there := told[part]
		if !there {
			continue
		}
		if strings.ToValidUTF8(text, "") != text {
			return p, malformed("The query is not valid UTF-8.", nil)
		}
		p.Fields = append(p.Fields, part)
		switch part {
		case "code":
			p.Product.Code = text
		case "name":
			p.Product.Name = text
		default:
			if p.Product.Attributes == nil {
				p.Product.Attributes = map[string]sdk.Value{}
			}
			p.Product.Attributes[strings.TrimPrefix(part, "attributes.")] = sdk.String(text)
		}
	}
	return p, nil
}
