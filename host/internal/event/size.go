package event

import "github.com/synchost/synchost/sdk"

// Size is roughly how many bytes a product, and the request it came with, take
// in memory or in a message: what bounds batches and windows.
func Size(p *sdk.Product, raw *sdk.Raw) int {
	size := 512 + len(p.Key) + len(p.Name) + len(p.Description) + texts(p.Categories) + texts(p.Tags) +
		media(p.Media) + 64*(len(p.Prices)+len(p.Stock))
	for i := range p.Variants {
		v := &p.Variants[i]
		size += 256 + media(v.Media) + 64*(len(v.Options)+len(v.Prices)+len(v.Stock))
	}
	for name, value := range p.Attributes {
		size += 64 + len(name) + len(value.Text())
	}
	if raw != nil {
		size += len(raw.Body) + len(raw.Query) + 64*len(raw.Headers)
	}
	return size
}

func texts(list []string) int {
	size := 0
	for _, text := range list {
		size += 16 + len(text)
	}
	return size
}

func media(list []sdk.Media) int {
	size := 0
	for i := range list {
		size += 64 + len(list[i].URL) + len(list[i].Alt)
	}
	return size
}
