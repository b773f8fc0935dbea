package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

// shop is a connector to a platform with a JSON API.
type shop struct {
	url  string
	rest *rest.Client
}

// Apply needs no more than this: what the platform answers decides the kind of
// the error, and the record of the exchange comes without the token.
func (s *shop) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	return sdk.Each(ctx, 4, changes, func(ctx context.Context, c sdk.Change) (sdk.Result, error) {
		var stored struct{ ID string }
		resp, err := s.rest.JSON(ctx, http.MethodPut, s.url+"/products/"+c.Key, c.Product, &stored)
		return sdk.Result{Remote: sdk.Remote{ID: stored.ID}, Exchange: resp.Exchange()}, err
	})
}

func Example() {
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/products/2" {
			http.Error(w, "name is missing", http.StatusUnprocessableEntity)
			return
		}
		_, _ = fmt.Fprint(w, `{"id":"r1"}`)
	}))
	defer platform.Close()

	token := sdk.NewSecret("t0k3n")
	connector := &shop{url: platform.URL, rest: rest.New(rest.Options{
		Header:        http.Header{"Authorization": {"Bearer " + token.Reveal()}},
		Secrets:       []sdk.Secret{token},
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})}
	for _, key := range []string{"1", "2"} {
		results, _ := connector.Apply(context.Background(), []sdk.Change{{Key: key, Product: sdk.Product{Key: key}}})
		fmt.Printf("%q %v\n", results[0].Remote.ID, results[0].Err)
	}
	// Output:
	// "r1" <nil>
	// "" answered 422 Unprocessable Entity: name is missing
}
