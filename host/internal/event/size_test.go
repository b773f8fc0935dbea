package event

import (
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
)

// Whatever part of a product is large, its size says so.
func TestSizeSeesEveryLargePart(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	many := strings.Split(strings.Repeat("tag,", 2_000), ",")
	small := Size(&sdk.Product{Key: "a", Name: "b"}, nil)
	for name, p := range map[string]sdk.Product{
		"description": {Description: long},
		"tags":        {Tags: many},
		"categories":  {Categories: []string{long}},
		"media":       {Media: []sdk.Media{{URL: long}}},
		"attributes":  {Attributes: map[string]sdk.Value{"a": sdk.String(long)}},
		"list":        {Attributes: map[string]sdk.Value{"a": sdk.List(sdk.String(long), sdk.String(long))}},
		"variants":    {Variants: make([]sdk.Variant, 1_000)},
		"prices":      {Prices: make([]sdk.Price, 1_000)},
		"stock":       {Stock: make([]sdk.Stock, 1_000)},
	} {
		if size := Size(&p, nil); size < small+9_000 {
			t.Errorf("%s: %d bytes", name, size)
		}
	}
	if size := Size(&sdk.Product{}, &sdk.Raw{Body: []byte(long)}); size < 10_000 {
		t.Errorf("a raw body: %d bytes", size)
	}
}
