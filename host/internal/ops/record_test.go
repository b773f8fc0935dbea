package ops

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// Whatever is asked of products by their keys is refused for one of which nothing is on
// record, and nothing is done about the others.
func TestUnknownKeysAreRefused(t *testing.T) {
	w := newWorld()
	w.store.accept(product(sdk.Created, "SH-100", "Shirt", "5"), product(sdk.Created, "SH-2", "Skirt", "5"), product(sdk.Deleted, "SH-3", "Socks", "5"))
	w.store.links = []store.Link{{Connector: "shop", Key: "linked", Remote: sdk.Remote{ID: "991"}}, {Connector: "hook", Key: "hooked"}}
	for command, body := range map[string]string{
		"hold": `{"keys":[%s]}`, "release": `{"keys":[%s]}`, "retry": `{"keys":[%s]}`, "unlink": `{"keys":[%s]}`,
		"link": `{"key":%s,"remote":"992"}`, "plans": `{"product":%s}`, "undo": `{"product":%s}`,
	} {
		many := strings.Contains(body, "[")
		for key, want := range map[string]string{
			`"SH-1O0"`: "nothing is on record here of product SH-1O0 (did you mean SH-100?); products go by their key",
			`"hooked"`: "nothing is on record here of product hooked; products",
			`"SH-100"`: "", `"SH-3"`: "", `"linked"`: "",
			`"SH-100","x","SH-3","SH100","SH-22","zz"`: "of product x, SH100 (did you mean SH-100?), SH-22 (did you mean SH-2?), and 1 more;",
		} {
			if strings.Contains(key, ",") && !many {
				continue
			}
			w.shop.asked, w.reconciler.asked = nil, nil
			response := post(t, w, "/v1/connectors/shop/"+command, fmt.Sprintf(body, key))
			asked := len(w.shop.asked) + len(w.reconciler.asked)
			switch {
			case want == "" && (response.Code >= 300 || asked != 1):
				t.Errorf("%s %s: %d %s, %d calls", command, key, response.Code, response.Body, asked)
			case want != "" && (response.Code != http.StatusNotFound || asked != 0 || !strings.Contains(response.Body.String(), want)):
				t.Errorf("%s %s: %d %s, %d calls", command, key, response.Code, response.Body, asked)
			}
		}
	}
	if why := get[Why](t, w, "/v1/why?key=SH-1O0"); !why.Unheard() || why.Near != "SH-100" {
		t.Errorf("%+v", why)
	}
	if why := get[Why](t, w, "/v1/why?key=linked"); why.Unheard() || why.Near != "" {
		t.Errorf("%+v", why)
	}
}

// A catalog that takes long to look through is not looked through to its end for a
// product that nobody has: the answer comes without what may be meant.
func TestWhatMayBeMeantIsNotLookedForToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		slow := &slowKeys{fakeStore: w.store}
		w.deps.Store = slow
		response := post(t, w, "/v1/connectors/shop/hold", `{"keys":["a","b","c","d"]}`)
		if response.Code != http.StatusNotFound || slow.read == 0 || slow.read > 20 {
			t.Errorf("%d %s: %d pages", response.Code, response.Body, slow.read)
		}
	})
}

// slowKeys has a great many keys, and takes its time for each page.
type slowKeys struct {
	*fakeStore
	read int
}

func (s *slowKeys) Keys(context.Context, string, int) ([]string, error) {
	if s.read++; s.read > 1000 {
		return nil, nil
	}
	time.Sleep(time.Second)
	return []string{fmt.Sprintf("a product with number %09d", s.read)}, nil
}
