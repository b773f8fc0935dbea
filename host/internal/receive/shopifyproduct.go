package receive

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// shopifyProduct is the REST resource, as far as it has a place in ours. A
// subscription may be set to send only some of its fields.
type shopifyProduct struct {
	ID          loose             `json:"id"`
	GID         string            `json:"admin_graphql_api_id"`
	Title       json.RawMessage   `json:"title"`
	Description json.RawMessage   `json:"body_html"`
	Vendor      json.RawMessage   `json:"vendor"`
	Handle      json.RawMessage   `json:"handle"`
	Type        json.RawMessage   `json:"product_type"`
	Status      string            `json:"status"`
	Tags        json.RawMessage   `json:"tags"`
	Updated     moment            `json:"updated_at"`
	Images      []shopifyImage    `json:"images"`
	Options     []shopifyOption   `json:"options"`
	Variants    []shopifyVariant  `json:"variants"`
	AllVariants []json.RawMessage `json:"variant_gids"`
}

type shopifyImage struct {
	ID  loose  `json:"id"`
	URL string `json:"src"`
	Alt string `json:"alt"`
}

type shopifyOption struct {
	Name string `json:"name"`
}

type shopifyVariant struct {
	ID        loose  `json:"id"`
	Title     string `json:"title"`
	SKU       string `json:"sku"`
	Barcode   string `json:"barcode"`
	Price     loose  `json:"price"`
	Before    loose  `json:"compare_at_price"`
	Option1   string `json:"option1"`
	Option2   string `json:"option2"`
	Option3   string `json:"option3"`
	Image     loose  `json:"image_id"`
	Inventory loose  `json:"inventory_quantity"`
	// Of older versions of the API: null says that nobody counts, and then the
	// quantity means nothing.
	Counted json.RawMessage `json:"inventory_management"`
}

// shopifyStatus are the statuses of ours. What is unlisted can be bought by those
// who have the link.
var shopifyStatus = map[string]sdk.Status{
	"active": sdk.Active, "unlisted": sdk.Active, "draft": sdk.Draft, "archived": sdk.Archived,
}

// partial says whether there are more variants than are told.
func (p *shopifyProduct) partial() bool { return len(p.AllVariants) > len(p.Variants) }

func (p *shopifyProduct) snapshot(currency string) snapshot {
	s, attributes := snapshot{}, snapshot{}
	s.tell("name", p.Title)
	s.tell("description", p.Description)
	s.tell("brand", p.Vendor)
	attributes.tell("handle", p.Handle)
	attributes.tell("product_type", p.Type)
	if len(attributes) > 0 {
		s["attributes"] = attributes
	}
	if status := shopifyStatus[p.Status]; status != "" {
		s["status"] = status
	}
	var tags string
	if p.Tags != nil && json.Unmarshal(p.Tags, &tags) == nil {
		s["tags"] = splitTags(tags)
	} else {
		s.tell("tags", p.Tags) // a list in newer versions is one here, too
	}
	if p.Images != nil {
		s["media"] = shopifyMedia(p.Images)
	}
	if p.Variants != nil && !p.partial() {
		p.tellVariants(s, currency)
	}
	return s
}

func splitTags(text string) []string {
	tags := []string{}
	for tag := range strings.SplitSeq(text, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

func shopifyMedia(images []shopifyImage) []sdk.Media {
	media := make([]sdk.Media, 0, len(images))
	for _, image := range images {
		if image.URL != "" { // it is there already, and nowhere to be had yet
			media = append(media, sdk.Media{URL: image.URL, Alt: image.Alt})
		}
	}
	return media
}

// tellVariants tells what is sold. A product that has no variants has one at
// Shopify, which is called the default: what it is, the product is.
func (p *shopifyProduct) tellVariants(s snapshot, currency string) {
	var own sdk.Variant // of the product itself
	variants := make([]sdk.Variant, len(p.Variants))
	for i, v := range p.Variants {
		variants[i] = p.variant(v, currency)
	}
	if len(variants) == 1 && p.Variants[0].Title == "Default Title" {
		own, variants = variants[0], nil
	}
	s["code"], s["barcode"], s["stock"], s["variants"] = own.Code, own.Barcode, own.Stock, variants
	if currency != "" {
		s["prices"] = own.Prices
	}
}

func (p *shopifyProduct) variant(v shopifyVariant, currency string) sdk.Variant {
	out := sdk.Variant{Key: string(v.ID), Code: v.SKU, Barcode: v.Barcode, Prices: price(v.Price, v.Before, currency)}
	if string(v.Counted) != "null" && v.Inventory != "" {
		out.Stock = []sdk.Stock{{Quantity: sdk.Decimal(v.Inventory)}}
	}
	for i, value := range []string{v.Option1, v.Option2, v.Option3} {
		if value == "" {
			continue
		}
		name := fmt.Sprintf("option%d", i+1)
		if i < len(p.Options) && p.Options[i].Name != "" {
			name = p.Options[i].Name
		}
		out.Options = append(out.Options, sdk.VariantOption{Name: name, Value: value})
	}
	for _, image := range p.Images {
		if v.Image != "" && image.ID == v.Image {
			out.Media = shopifyMedia([]shopifyImage{image})
		}
	}
	return out
}
