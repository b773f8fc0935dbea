package sdk_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

const tinyShopToken = "tiny-shop-token"

// tinyShop plays the API that the example connector is written for.
func tinyShop(t testing.TB) *sdktest.Platform {
	var mu sync.Mutex
	items := map[string]*item{} // by ref
	last := 0
	authorized := map[string]string{"Authorization": "Bearer " + tinyShopToken}
	return sdktest.NewPlatform(t,
		sdktest.Route{Pattern: "PATCH /products/{ref}", Header: authorized, Handle: func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			ref := r.PathValue("ref")
			stored := item{Ref: ref}
			if items[ref] != nil {
				stored = *items[ref]
			} else {
				last++
				stored.ID = fmt.Sprintf("shop-%04d", last)
			}
			if err := json.NewDecoder(r.Body).Decode(&stored); err != nil || len(stored.Title) > 100 {
				http.Error(w, `{"error":"the title is too long"}`, http.StatusUnprocessableEntity)
				return
			}
			items[ref] = &stored
			_ = json.NewEncoder(w).Encode(stored)
		}},
		sdktest.Route{Pattern: "DELETE /products/{ref}", Header: authorized, Handle: func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if items[r.PathValue("ref")] == nil {
				http.NotFound(w, r)
				return
			}
			delete(items, r.PathValue("ref"))
			w.WriteHeader(http.StatusNoContent)
		}},
		sdktest.Route{Pattern: "GET /products/{$}", Header: authorized, Handle: func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			page := []*item{}
			for _, i := range items {
				if i.ID > r.URL.Query().Get("after") {
					page = append(page, i)
				}
			}
			slices.SortFunc(page, func(a, b *item) int { return cmp.Compare(a.ID, b.ID) })
			_ = json.NewEncoder(w).Encode(page[:min(3, len(page))])
		}},
	)
}

func tinyShopConfig(p *sdktest.Platform) string {
	return fmt.Sprintf(`{"url":%q,"token":%q,"allow_networks":["127.0.0.0/8"]}`, p.URL, tinyShopToken)
}

func TestExampleKeepsTheContract(t *testing.T) {
	platform := tinyShop(t)
	sdktest.Run(t, plugin, sdktest.Suite{
		Config:   tinyShopConfig(platform),
		Platform: platform,
		Refused:  func(key string) sdk.Product { return sdk.Product{Name: strings.Repeat("x", 101)} },
	})
}
