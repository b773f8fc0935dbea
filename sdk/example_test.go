// Command tinyshop is a connector for the Tiny Shop API.
package sdk_test

import (
	"context"
	"net/netip"
	"net/url"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

// Config is the table [connectors.<name>.config] of connectors.toml.
type Config struct {
	URL      string         `json:"url" required:"true" doc:"Address of the shop's API."`
	Token    sdk.Secret     `json:"token" required:"true" doc:"Key of the shop's API."`
	Networks []netip.Prefix `json:"allow_networks" doc:"Private networks that the shop may be in."`
}

var plugin = sdk.Plugin[Config]{
	Name: "tinyshop", Version: "0.1.0",
	Fields: []string{"code", "name", "stock"}, // what it can read and write
	Limits: sdk.Limits{Batch: 20, InFlight: 2},
	Open:   open,
}

func Example() { sdk.Serve(plugin) }

type shop struct {
	products string // address of the collection
	http     *rest.Client
}

// item is a product as the shop speaks of it.
type item struct {
	ID     string      `json:"id"`
	Ref    string      `json:"ref"` // our key: the shop keeps it, and finds by it
	SKU    string      `json:"sku"`
	Title  string      `json:"title"`
	Stock  []sdk.Stock `json:"stock"`
	Listed bool        `json:"listed"`
}

func open(_ context.Context, _ sdk.Env, c Config) (sdk.Connector, error) {
	address, err := url.Parse(c.URL)
	if err != nil {
		return nil, sdk.Reject("url", err)
	}
	return &shop{
		products: address.JoinPath("products").String() + "/",
		http: rest.New(rest.Options{
			Header:  map[string][]string{"Authorization": {"Bearer " + c.Token.Reveal()}},
			Secrets: []sdk.Secret{c.Token}, AllowNetworks: c.Networks,
		}),
	}, nil
}

// Apply writes one product a call, two at a time.
func (s *shop) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	return sdk.Each(ctx, 2, changes, s.write)
}

func (s *shop) write(ctx context.Context, c sdk.Change) (sdk.Result, error) {
	address := s.products + url.PathEscape(c.Key)
	if c.Op == sdk.Purge {
		answer, err := s.http.JSON(ctx, "DELETE", address, nil, nil)
		if sdk.KindOf(err) == sdk.Gone { // it is gone already
			err = nil
		}
		return sdk.Result{Exchange: answer.Exchange()}, err
	}
	body := map[string]any{"listed": c.Op == sdk.Upsert}
	for _, field := range c.Fields {
		switch field {
		case "code":
			body["sku"] = c.Product.Code
		case "name":
			body["title"] = c.Product.Name
		case "stock":
			body["stock"] = c.Product.Stock
		}
	}
	var stored item
	answer, err := s.http.JSON(ctx, "PATCH", address, body, &stored)
	return sdk.Result{Remote: sdk.Remote{ID: stored.ID}, Exchange: answer.Exchange()}, err
}

// List makes the shop comparable with the source, and is optional.
func (s *shop) List(ctx context.Context, q sdk.Query) (sdk.Page, error) {
	var items []item // those behind the cursor, which is an id; none: the end
	_, err := s.http.JSON(ctx, "GET", s.products+"?after="+url.QueryEscape(q.Cursor), nil, &items)
	var page sdk.Page
	for _, i := range items {
		p := sdk.Product{Key: i.Ref, Code: i.SKU, Name: i.Title, Stock: i.Stock}
		page.Items = append(page.Items, sdk.Item{Key: i.Ref, Remote: sdk.Remote{ID: i.ID}, Product: p, Archived: !i.Listed})
		page.Next = i.ID
	}
	return page, err
}
