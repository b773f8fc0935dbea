package receive

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// hesabfa takes the change hook of the accounting service Hesabfa, read 2026-11:
// https://hesabfa.com/help/api/hook (in Persian).
//
// It proves itself by the hookPassword that was given to SetChangeHook, which is a
// member of the body. Nothing is signed, so the password is taken out of the body
// before anybody else sees it. A request names the ids of what was saved, changed
// or deleted, and nothing of how, so each product is a hint. It numbers nothing
// either: a repeat looks like a second change, and does no harm (see payamgostar).
func hesabfa(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	if len(digests(c.Secrets)) == 0 {
		problems = append(problems, noSecret(c))
	}
	return scheme{
		methods: []string{http.MethodPost},
		verify:  verifyHesabfa,
		events:  m.or(hesabfaEvents),
		sample:  sampleJSON(`{"Action":52,"ObjectType":"Product","ObjectIdList":[1,2,3]}`),
		prove: func(it *sample, _ time.Time) {
			var members map[string]json.RawMessage
			if readJSON(it.body, &members) != nil || members == nil {
				return // the operator's own body, which no password goes into
			}
			members["Password"], _ = json.Marshal(c.Secrets[0].Reveal()) // a text always can
			it.body, _ = json.Marshal(members)
		},
	}, problems
}

// verifyHesabfa compares the password in the body, and takes it out.
func verifyHesabfa(r *request) error {
	var members map[string]json.RawMessage
	if err := r.json(&members); err != nil {
		return err
	}
	var password string
	if json.Unmarshal(members["Password"], &password) != nil || password == "" {
		return unproven("The member Password of the body is missing.")
	}
	if !r.receiver.secrets.match(password) {
		return unproven("The member Password of the body is wrong.")
	}
	for name := range members {
		if strings.EqualFold(name, "Password") {
			delete(members, name)
		}
	}
	r.bodyText, r.bodyErr = json.Marshal(members)
	return r.bodyErr
}

var hesabfaOps = map[string]sdk.EventOp{"51": sdk.Created, "52": sdk.Updated, "53": sdk.Deleted}

func hesabfaEvents(r *request) ([]event.Event, error) {
	var said struct {
		Action       loose   `json:"Action"`
		ObjectType   string  `json:"ObjectType"`
		ObjectIDList []int64 `json:"ObjectIdList"`
	}
	if err := r.json(&said); err != nil {
		return nil, err
	}
	op, known := hesabfaOps[string(said.Action)]
	switch {
	case said.ObjectType != "Product" || !known: // of an invoice or a contact
		return r.raw(event.NewID(), "")
	case len(said.ObjectIDList) == 0:
		return nil, malformed("The member ObjectIdList of the body is empty.", nil)
	case len(said.ObjectIDList) > maxEvents:
		return nil, refuse(http.StatusRequestEntityTooLarge, "size", fmt.Sprintf("The request brings more than %d ids.", maxEvents))
	}
	events := make([]event.Event, len(said.ObjectIDList))
	for i, id := range said.ObjectIDList {
		events[i] = event.Event{ID: event.NewID(), Op: op, Key: strconv.FormatInt(id, 10), Time: r.now, Hint: true}
		events[i].Patch.Product.Key = events[i].Key
	}
	return events, nil
}
