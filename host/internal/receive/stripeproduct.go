package receive

import (
	"encoding/json"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

func stripeProductEvent(r *request, op sdk.EventOp) (event.Event, error) {
	var said struct {
		Created int64 `json:"created"`
		Data    struct {
			Object   stripeProduct `json:"object"`
			Previous stripeProduct `json:"previous_attributes"`
		} `json:"data"`
	}
	if err := r.json(&said); err != nil {
		return event.Event{}, err
	}
	p := said.Data.Object
	return p.snapshot(said.Data.Previous.Metadata).event(r.id, op, p.ID, stripeTime(said.Created, r.now))
}

func stripePriceEvent(r *request) (event.Event, error) {
	var said struct {
		Created int64 `json:"created"`
		Data    struct {
			Object struct {
				Product string `json:"product"`
			} `json:"object"`
		} `json:"data"`
	}
	if err := r.json(&said); err != nil {
		return event.Event{}, err
	}
	e, err := snapshot{}.event(r.id, sdk.Updated, said.Data.Object.Product, stripeTime(said.Created, r.now))
	e.Hint = true
	return e, err
}

func stripeTime(created int64, arrival time.Time) time.Time {
	if created <= 0 || created >= 1<<40 {
		return arrival
	}
	return time.Unix(created, 0)
}

// stripeProduct is Stripe's product, as far as it has a place in ours.
type stripeProduct struct {
	ID          string             `json:"id"`
	Name        json.RawMessage    `json:"name"`
	Description json.RawMessage    `json:"description"`
	TaxCode     json.RawMessage    `json:"tax_code"`
	Unit        json.RawMessage    `json:"unit_label"`
	Active      *bool              `json:"active"`
	Images      []string           `json:"images"`
	Metadata    map[string]*string `json:"metadata"`
}

// snapshot needs the metadata from before: a name that is gone is told there only.
func (p *stripeProduct) snapshot(before map[string]*string) snapshot {
	s := snapshot{}
	s.tell("name", p.Name)
	s.tell("description", p.Description)
	s.tell("tax_code", p.TaxCode)
	s.tell("unit", p.Unit)
	if p.Active != nil {
		s["status"] = sdk.Archived
		if *p.Active {
			s["status"] = sdk.Active
		}
	}
	if p.Images != nil {
		media := make([]sdk.Media, len(p.Images))
		for i, url := range p.Images {
			media[i].URL = url
		}
		s["media"] = media
	}
	attributes := snapshot{}
	for name := range before {
		attributes[name] = nil
	}
	for name, value := range p.Metadata {
		attributes[name] = value
	}
	delete(attributes, "*") // stands for all of them here
	if len(attributes) > 0 {
		s["attributes"] = attributes
	}
	return s
}
