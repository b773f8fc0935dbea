package receive

import (
	"encoding/json"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// akeneoProduct is a product as of the REST API. Its attributes are what the
// operator of the PIM has made of it; none has a meaning by its name.
type akeneoProduct struct {
	UUID       string                   `json:"uuid"` // since Akeneo 7
	Identifier string                   `json:"identifier"`
	Family     string                   `json:"family"`
	Parent     string                   `json:"parent"`
	Enabled    *bool                    `json:"enabled"`
	Categories json.RawMessage          `json:"categories"`
	Values     map[string][]akeneoValue `json:"values"`
}

type akeneoValue struct {
	Locale string          `json:"locale"`
	Scope  string          `json:"scope"`
	Data   json.RawMessage `json:"data"`
}

func (p *akeneoProduct) key() string {
	if p.UUID != "" {
		return p.UUID
	}
	return p.Identifier
}

// snapshot is what there is a field for. Attributes go by Akeneo's own names in
// exports: code, locale and channel. Of a deletion only the key counts.
func (p *akeneoProduct) snapshot(op sdk.EventOp) snapshot {
	s := snapshot{}
	if op == sdk.Deleted {
		return s
	}
	s["code"] = p.Identifier
	s.tell("categories", p.Categories)
	if p.Enabled != nil {
		s["status"] = map[bool]sdk.Status{true: sdk.Active, false: sdk.Draft}[*p.Enabled]
	}
	attributes := map[string]any{}
	for code, values := range p.Values {
		for _, v := range values {
			if data := v.plain(); data != nil {
				attributes[strings.Join(append([]string{code}, v.where()...), "-")] = data
			}
			if name := plainFields[code]; name != "" && len(values) == 1 {
				var text string
				if json.Unmarshal(v.Data, &text) == nil {
					s[name] = text
				}
			}
		}
	}
	for name, text := range map[string]string{"family": p.Family, "parent": p.Parent} {
		if _, taken := attributes[name]; text != "" && !taken {
			attributes[name] = text
		}
	}
	if p.Values != nil {
		s["attributes"] = attributes
	}
	return s
}

// plainFields are attributes that nearly every catalog of Akeneo has, by the code
// that Akeneo's own catalogs give them, where they have one text for all.
var plainFields = map[string]string{"name": "name", "description": "description"}

func (v akeneoValue) where() []string {
	var parts []string
	for _, part := range []string{v.Locale, v.Scope} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// plain is a value as one of our attributes can hold it: as it is, or of a measure
// "800.0000 GRAM". nil: it has no such form.
func (v akeneoValue) plain() any {
	var value any
	if json.Unmarshal(v.Data, &value) != nil {
		return nil
	}
	switch value := value.(type) {
	case float64:
		if _, err := sdk.ParseDecimal(string(v.Data)); err != nil {
			return nil // an exponent
		}
	case map[string]any:
		amount, isText := value["amount"].(string)
		unit, hasUnit := value["unit"].(string)
		if !isText || !hasUnit {
			return nil
		}
		return amount + " " + unit
	case []any:
		for _, item := range value {
			if _, isText := item.(string); !isText {
				return nil
			}
		}
	}
	return v.Data
}
