package receive

import (
	"encoding/json"

	"github.com/synchost/synchost/sdk"
)

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
