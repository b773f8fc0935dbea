package config

import (
	"bytes"
	"encoding/json"
	"maps"
)

// schema is a part of a JSON Schema.
type schema map[string]any

// Schema is a JSON Schema (draft 2020-12) of connectors.toml for editors. It is
// made from the same table of keys that Load reads by.
//
//go:generate go test -run ^TestSchema$ . -args -update
func Schema() []byte {
	s := fileTable().schema()
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "connectors.toml of synchost"
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		panic(err) // it is made of maps, lists and texts
	}
	return b.Bytes()
}

func (t table[T]) schema() schema {
	properties := schema{}
	var required []string
	for _, k := range t.keys {
		property := maps.Clone(k.schema)
		property["description"] = k.doc
		if _, isTable := k.preset.(map[string]any); k.preset != nil && !isTable && k.presetIn == nil {
			property["default"] = k.preset
		}
		properties[k.name] = property
		if k.needed && k.in == nil && k.neededIn == nil {
			required = append(required, k.name)
		}
	}
	s := schema{"type": "object", "additionalProperties": false, "properties": properties}
	if required != nil {
		s["required"] = required
	}
	if t.scheme != nil {
		s["allOf"] = t.perScheme(properties["scheme"].(schema)["enum"].([]string))
	}
	return s
}

// perScheme is what each scheme forbids and demands beyond the rest.
func (t table[T]) perScheme(names []string) []schema {
	var all []schema
	for _, scheme := range names {
		then := schema{}
		forbidden := schema{}
		var required []string
		for _, k := range t.keys {
			if !k.in.has(scheme) {
				forbidden[k.name] = false
			}
			if k.demanded(scheme) && (k.in != nil || k.neededIn != nil) {
				required = append(required, k.name)
			}
		}
		if len(forbidden) > 0 {
			then["properties"] = forbidden
		}
		if required != nil {
			then["required"] = required
		}
		all = append(all, schema{
			"if":   schema{"properties": schema{"scheme": schema{"const": scheme}}, "required": []string{"scheme"}},
			"then": then,
		})
	}
	return all
}
