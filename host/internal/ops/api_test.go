package ops

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// fill has product 7 created and sold out, and a raw event; the shop took the
// first change and fails on the second.
func (w *world) fill() {
	w.store.accept(
		product(sdk.Created, "7", "Shirt", "5"),
		product(sdk.Updated, "7", "Shirt", "0"),
		event.Event{Source: "catch", ID: "raw-1", Op: sdk.Received, Key: "raw-1", Time: noon, Raw: &sdk.Raw{Method: "POST", Body: []byte("hello")}},
	)
	w.store.lanes["shop"] = store.Lane{Connector: "shop", Cursor: 2}
	w.store.lanes["hook"] = store.Lane{Connector: "hook", Cursor: 1}
	w.shop.status.Cursor, w.shop.status.Passed = 2, 2
	w.hook.status.Cursor, w.hook.status.Passed = 1, 1
	w.store.links = []store.Link{{
		Connector: "shop", Key: "7", Remote: sdk.Remote{ID: "991"}, State: store.Due, Seq: 1, Attempts: 1,
		Next: noon.Add(time.Minute), Reason: "the shop answers 500",
	}}
	w.store.deliveries = []store.Delivery{
		{ID: 1, Connector: "shop", Key: "7", Seq: 1, ChangeID: "c1", Op: "upsert", Fields: []string{"name", "stock"}, Attempt: 1,
			At: noon.Add(1100 * time.Millisecond), Took: 12 * time.Millisecond, Outcome: store.Done,
			Exchange: sdk.Exchange{Request: "POST https://shop.example/products", Status: 201}},
		{ID: 2, Connector: "hook", Key: "7", Seq: 1, Op: "upsert", Attempt: 1, At: noon.Add(1200 * time.Millisecond), Outcome: store.Done},
		{ID: 3, Connector: "shop", Key: "7", Seq: 2, ChangeID: "c2", Op: "upsert", Fields: []string{"stock"}, Attempt: 1,
			At: noon.Add(2100 * time.Millisecond), Took: time.Second, Outcome: store.Failed, Kind: "temporary", Message: "the shop answers 500",
			Exchange: sdk.Exchange{Request: "PATCH https://shop.example/products/991", Response: "oops", Status: 500}},
	}
}

// get reads one answer.
func get[T any](t *testing.T, w *world, target string) T {
	t.Helper()
	response := w.serve(t, httptest.NewRequestWithContext(t.Context(), "GET", target, nil))
	var value T
	if err := json.Unmarshal(response.Body.Bytes(), &value); err != nil || response.Code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", target, response.Code, response.Body)
	}
	return value
}

func post(t *testing.T, w *world, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	return w.serve(t, httptest.NewRequestWithContext(t.Context(), "POST", target, strings.NewReader(body)))
}

func TestEvents(t *testing.T) {
	w := newWorld()
	for i := range 1203 { // more than two blocks of the journal
		e := product(sdk.Updated, fmt.Sprint(i%3), "Shirt", fmt.Sprint(i))
		if i%600 == 0 {
			e.Source = "erp"
		}
		w.store.accept(e)
	}
	w.store.prune(100)
	for _, c := range []struct {
		query string
		want  []int64
		next  int64
	}{
		{"limit=3", []int64{1201, 1202, 1203}, 1203},
		{"limit=0", nil, 1203},
		{"after=1201", []int64{1202, 1203}, 1203},
		{"after=0&limit=2", []int64{101, 102}, 102},
		{"after=1203", nil, 1203},
		{"key=1&limit=2", []int64{1199, 1202}, 1202},
		{"key=1&after=1100&limit=2", []int64{1103, 1106}, 1106},
		{"key=none", nil, 0},
		{"source=erp", []int64{601, 1201}, 1203},
		{"source=erp&after=0", []int64{601, 1201}, 1203},
		{"source=erp&key=0&limit=1", []int64{1201}, 1201},
	} {
		got := get[Events](t, w, "/v1/events?"+c.query)
		var seqs []int64
		for _, e := range got.Events {
			seqs = append(seqs, e.Seq)
		}
		if diff := cmp.Diff(c.want, seqs); diff != "" {
			t.Errorf("%s: %s", c.query, diff)
		}
		if !strings.Contains(c.query, "key=") && got.Next != c.next {
			t.Errorf("%s: next is %d, want %d", c.query, got.Next, c.next)
		}
	}
	if n := len(get[Events](t, w, "/v1/events?limit=10000").Events); n != 1103 {
		t.Errorf("all of the journal are %d events, want 1103", n)
	}
}

func TestMergeKeepsEventsBeforeTheirDeliveries(t *testing.T) {
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	name := func(moments []Moment) (names []string) {
		for _, m := range moments {
			if m.Event != nil {
				names = append(names, fmt.Sprint("event ", m.Event.Seq))
			} else {
				names = append(names, fmt.Sprint("delivery of ", m.Delivery.Seq))
			}
		}
		return names
	}
	for _, c := range []struct {
		what       string
		events     []Event
		deliveries []Delivery
		want       []string
	}{
		{"nothing", nil, nil, nil},
		{"by time", []Event{{Seq: 1, Accepted: at(1)}, {Seq: 2, Accepted: at(3)}}, []Delivery{{Seq: 1, At: at(2)}, {Seq: 2, At: at(4)}},
			[]string{"event 1", "delivery of 1", "event 2", "delivery of 2"}},
		{"a late delivery", []Event{{Seq: 1, Accepted: at(1)}, {Seq: 2, Accepted: at(3)}}, []Delivery{{Seq: 1, At: at(5)}},
			[]string{"event 1", "event 2", "delivery of 1"}},
		{"the clock went back", []Event{{Seq: 1, Accepted: at(9)}, {Seq: 2, Accepted: at(8)}}, []Delivery{{Seq: 1, At: at(2)}, {Seq: 2, At: at(3)}},
			[]string{"event 1", "delivery of 1", "event 2", "delivery of 2"}},
		{"events are pruned", nil, []Delivery{{Seq: 1, At: at(1)}, {Seq: 2, At: at(2)}}, []string{"delivery of 1", "delivery of 2"}},
	} {
		if diff := cmp.Diff(c.want, name(merge(c.events, c.deliveries))); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
}

func TestWhy(t *testing.T) {
	w := newWorld()
	w.fill()
	why := get[Why](t, w, "/v1/why?key=7")
	if len(why.Timeline) != 5 || why.Earlier || why.Seq != 2 || why.Product.Stock[0].Quantity != "0" {
		t.Errorf("got %+v", why)
	}
	states := map[string]string{}
	for _, s := range why.Connectors {
		states[s.Connector] = s.State
	}
	if diff := cmp.Diff(map[string]string{"shop": Behind, "hook": OnItsWay}, states); diff != "" {
		t.Error(diff)
	}
	if why := get[Why](t, w, "/v1/why?key=7&limit=2"); len(why.Timeline) != 2 || !why.Earlier || why.Timeline[1].Delivery.Outcome != store.Failed {
		t.Errorf("the last two: %+v", why)
	}
	if why := get[Why](t, w, "/v1/why?key=7&connector=hook"); len(why.Timeline) != 3 || len(why.Connectors) != 1 {
		t.Errorf("at hook only: %+v", why)
	}
	if why := get[Why](t, w, "/v1/why?key="+url.QueryEscape("a/b ../ü")); why.Product != nil || len(why.Timeline) != 0 || why.Key != "a/b ../ü" {
		t.Errorf("of nothing: %+v", why)
	}
	if response := w.serve(t, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/why", nil)); response.Code != http.StatusBadRequest {
		t.Errorf("of no product: %d", response.Code)
	}
}

func TestStandingAtAConnector(t *testing.T) {
	link := func(state store.State) []store.Link {
		return []store.Link{{Connector: "shop", Key: "7", State: state, Reason: "why", Next: noon, Remote: sdk.Remote{ID: "9"}}}
	}
	said := func(outcome store.Outcome) []store.Delivery {
		return []store.Delivery{{ID: 1, Connector: "shop", Key: "7", Seq: 2, Outcome: outcome, Message: "filtered: by the filter"}}
	}
	for _, c := range []struct {
		what       string
		row        store.Lane
		links      []store.Link
		deliveries []store.Delivery
		lane       string
		want       Standing
	}{
		{"not yet read", store.Lane{Cursor: 1}, nil, nil, LaneRunning, Standing{State: OnItsWay, Seq: 2}},
		{"read, not done", store.Lane{Cursor: 2, Open: []int64{2}}, nil, nil, LaneRunning, Standing{State: OnItsWay, Seq: 2}},
		{"paused", store.Lane{Cursor: 1}, nil, nil, LanePaused, Standing{State: OnItsWay, Seq: 2, Lane: LanePaused, LaneReason: "stock-taking"}},
		{"done", store.Lane{Cursor: 2}, nil, said(store.Done), LaneRunning, Standing{State: InStep, Seq: 2}},
		{"left out", store.Lane{Cursor: 2}, nil, said(store.Skipped), LaneRunning, Standing{State: NothingToDo, Seq: 2, Reason: "filtered: by the filter"}},
		{"no record", store.Lane{Cursor: 2}, nil, nil, LaneRunning, Standing{State: NothingToDo}},
		{"in step by its link", store.Lane{Cursor: 2}, link(store.InStep), nil, LaneRunning, Standing{State: InStep, Reason: "why", RemoteID: "9"}},
		{"behind", store.Lane{Cursor: 2}, link(store.Due), nil, LaneRunning, Standing{State: Behind, Reason: "why", Next: noon, RemoteID: "9"}},
		{"dead", store.Lane{Cursor: 2}, link(store.Dead), nil, LaneRunning, Standing{State: Dead, Reason: "why", RemoteID: "9"}},
		{"held", store.Lane{Cursor: 2}, link(store.Held), nil, LaneRunning, Standing{State: Held, Reason: "why", RemoteID: "9"}},
	} {
		w := newWorld()
		w.store.accept(product(sdk.Created, "7", "Shirt", "5"), product(sdk.Updated, "7", "Shirt", "0"))
		w.store.lanes["shop"], w.store.links, w.store.deliveries = c.row, c.links, c.deliveries
		w.shop.status.State = c.lane
		if c.lane != LaneRunning {
			w.shop.status.Reason = "stock-taking"
		}
		c.want.Connector, c.want.Key = "shop", "7"
		if diff := cmp.Diff([]Standing{c.want}, get[Why](t, w, "/v1/why?key=7&connector=shop").Connectors); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
}

func TestLag(t *testing.T) {
	w := newWorld()
	w.fill()
	lag := func() map[string]int64 {
		lags := map[string]int64{}
		for _, l := range get[Status](t, w, "/v1/status").Lanes {
			lags[l.Connector] = l.Lag
		}
		return lags
	}
	// The third event changed no product: a lane that follows the catalog has nothing to do about it.
	if diff := cmp.Diff(map[string]int64{"shop": 0, "hook": 2}, lag()); diff != "" {
		t.Error(diff)
	}
	w.shop.status.Passed = 1
	if diff := cmp.Diff(map[string]int64{"shop": 2, "hook": 2}, lag()); diff != "" {
		t.Error(diff)
	}
}

func TestCronTellsTheSoonestFirst(t *testing.T) {
	var got []string
	for _, j := range get[Cron](t, newWorld(), "/v1/cron").Jobs {
		got = append(got, j.Job)
	}
	if diff := cmp.Diff([]string{"watch:pim", "reconcile:shop", "watch:erp"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTrouble(t *testing.T) {
	w := newWorld()
	if got := get[Status](t, w, "/v1/status").Trouble; len(got) != 0 {
		t.Errorf("a healthy host has trouble: %v", got)
	}
	w.full = store.ErrFull
	w.connectors[0].State, w.connectors[0].Reason = ConnectorFailed, "it crashed 5 times."
	w.shop.status.State, w.shop.status.Reason = LaneStopped, "401"
	w.hook.status.State, w.hook.status.Reason = LaneCircuitOpen, "nothing gets through: connection refused"
	w.store.links = []store.Link{{Connector: "hook", State: store.Dead}, {Connector: "hook", State: store.Held}, {Connector: "hook", State: store.Held}, {Connector: "hook", State: store.Due}}
	w.scheduler.outcome = store.JobFailed
	want := []string{
		"No events are taken: the disk of the data folder is full.",
		"shop: its process failed for good: it crashed 5 times. When that is mended: synchost restart shop",
		"shop: stopped: 401. When that is mended: synchost resume shop",
		"hook: circuit open: nothing gets through: connection refused. It goes on by itself when its platform does.",
		"hook: 1 product is given up. See which: synchost status hook. Try them again: synchost retry hook --all",
		"hook: 2 products are held: nobody knows whether they were written. Look at the platform, then: synchost retry hook PRODUCT",
		"reconcile:shop: its last run failed: the listing broke off. When that is mended, it runs at its next time, or: synchost cron run reconcile:shop",
	}
	if diff := cmp.Diff(want, get[Status](t, w, "/v1/status").Trouble); diff != "" {
		t.Error(diff)
	}
}

func TestATrialOfAReceiver(t *testing.T) {
	w := newWorld()
	try := func(name, body string) (Tried, Error) {
		response := post(t, w, "/v1/receivers/"+name+"/test", body)
		var tried Tried
		var refused Error
		_ = json.Unmarshal(response.Body.Bytes(), &tried)
		_ = json.Unmarshal(response.Body.Bytes(), &refused)
		return tried, refused
	}
	tried, _ := try("pim", `{"body":"Z29vZA=="}`)
	if tried.Kept || tried.Remedy != "" || len(tried.Events) != 2 || tried.Events[0].Product.Name != "Shirt" || tried.Events[0].Seq != 8 || tried.Events[1].Product != nil {
		t.Errorf("%+v", tried)
	}
	for body, want := range map[string]string{`{}`: "--body FILE", `{"body":""}`: "Mend the body"} {
		if tried, _ := try("pim", body); tried.Status != 400 || !strings.Contains(tried.Remedy, want) {
			t.Errorf("%s: %+v", body, tried)
		}
	}
	for name, want := range map[string]string{"bank": "have the sender send a test", "none": "there is no receiver none: there is bank, crm, pim"} {
		if _, refused := try(name, `{}`); !strings.Contains(refused.Error, want) {
			t.Errorf("%s: %q, want %q", name, refused.Error, want)
		}
	}
}

func TestStandingsAtAConnector(t *testing.T) {
	w := newWorld()
	w.store.links = []store.Link{
		{Connector: "shop", Key: "due", State: store.Due, Next: noon}, {Connector: "shop", Key: "dead", State: store.Dead},
		{Connector: "shop", Key: "held", State: store.Held}, {Connector: "hook", Key: "other", State: store.Dead},
	}
	keys := func(target string) (keys []string) {
		for _, s := range get[Standings](t, w, target).Products {
			keys = append(keys, s.Key)
		}
		return keys
	}
	if diff := cmp.Diff([]string{"held", "dead", "due"}, keys("/v1/connectors/shop/products")); diff != "" {
		t.Error(diff)
	}
	contended := &store.Contended{Times: 3, Field: "name", Wrote: `"A"`, Found: `"B"`}
	w.store.links = append(w.store.links,
		store.Link{Connector: "shop", Key: "fought over", Contended: contended}, store.Link{Connector: "shop", Key: "left alone", State: store.OnHold, Contended: contended})
	all := get[Standings](t, w, "/v1/connectors/shop/products")
	if diff := cmp.Diff([]string{"held", "dead", "left alone", "due", "fought over"}, keys("/v1/connectors/shop/products")); diff != "" {
		t.Error(diff)
	}
	if got := all.Products[4].Contention; got != `name: we wrote "A", found "B", 3 times` || all.Verified != 3 || all.Linked != 4 {
		t.Errorf("%q, %d of %d", got, all.Verified, all.Linked)
	}
	want := []string{"shop: 1 product is fought over, and left alone. See which, and why: synchost status shop. When that is settled: synchost release shop PRODUCT"}
	if diff := cmp.Diff(want, contentionTrouble("shop", w.store.links)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"held", "dead"}, keys("/v1/connectors/shop/products?limit=2")); diff != "" {
		t.Error(diff)
	}
}

func TestLaneCommands(t *testing.T) {
	w := newWorld()
	w.fill()
	w.store.accept(product(sdk.Deleted, "gone", "Hat", "1"))
	w.store.links = append(w.store.links, store.Link{Connector: "shop", Key: "linked", Remote: sdk.Remote{ID: "992"}})
	for _, c := range []struct {
		command, body string
		status        int
		asked         string // of the lane; empty: nothing
	}{
		{"pause", `{"reason":"stock-taking"}`, 204, "pause stock-taking"},
		{"pause", ``, 204, "pause "},
		{"pause", `{"why":"?"}`, 400, ""},
		{"pause", `{`, 400, ""},
		{"resume", ``, 204, "resume"},
		{"retry", `{"keys":["7","raw-1"]}`, 200, "retry [7][raw-1]"},
		{"retry", `{"keys":["7","8"]}`, 404, ""},
		{"retry", `{"all":true}`, 200, "retry "},
		{"retry", `{"all":true,"keys":["7"]}`, 400, ""},
		{"retry", ``, 400, ""},
		{"replay", `{"seq":2}`, 200, "replay 2ns"},
		{"replay", `{"time":"2026-09-01T12:00:03Z"}`, 200, "replay 3ns"},
		{"replay", `{"seq":2,"time":"2026-09-01T12:00:03Z"}`, 400, ""},
		{"replay", `{"seq":-1}`, 400, ""},
		{"replay", ``, 400, ""},
		{"hold", `{"keys":["7","gone","linked"]}`, 204, "hold [7][gone][linked] an operator holds it"},
		{"hold", `{"keys":["7","8"]}`, 404, ""},
		{"release", `{"keys":["7","8"]}`, 404, ""},
	} {
		w.shop.asked = nil
		response := post(t, w, "/v1/connectors/shop/"+c.command, c.body)
		if response.Code != c.status {
			t.Errorf("%s %s: answered %d %s, want %d", c.command, c.body, response.Code, response.Body, c.status)
		}
		if got := strings.Join(w.shop.asked, "; "); got != c.asked {
			t.Errorf("%s %s: the lane was asked %q, want %q", c.command, c.body, got, c.asked)
		}
	}
	w.connectors[0].State, w.connectors[0].Reason = ConnectorFailed, "it crashed 5 times"
	w.shop.asked = nil
	response := post(t, w, "/v1/connectors/shop/resume", "")
	if want := "failed for good: it crashed 5 times. When that is mended: synchost restart shop"; response.Code != 409 || !strings.Contains(response.Body.String(), want) || len(w.shop.asked) != 1 {
		t.Errorf("resume of a connector whose process failed: %d %s, the lane was asked %v", response.Code, response.Body, w.shop.asked)
	}
	response = post(t, w, "/v1/connectors/nothing/pause", "")
	if want := "there is no connector nothing: there is erp, hook, shop"; response.Code != 404 || !strings.Contains(response.Body.String(), want) {
		t.Errorf("an unknown connector: %d %s", response.Code, response.Body)
	}
}

// followed reads a stream line by line over a real connection.
func followed(t *testing.T, w *world, target string) (next func() string, stop func()) {
	t.Helper()
	server := httptest.NewServer(NewAPI(w.deps))
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); server.Close() })
	request, err := http.NewRequestWithContext(ctx, "GET", server.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if kind := response.Header.Get("Content-Type"); kind != "application/x-ndjson" {
		t.Errorf("Content-Type: %s", kind)
	}
	reader := bufio.NewReader(response.Body)
	return func() string {
		line, err := reader.ReadString('\n')
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		return line
	}, cancel
}

func TestFollowEvents(t *testing.T) {
	w := newWorld()
	w.fill()
	next, _ := followed(t, w, "/v1/events?follow=1&limit=1")
	seq := func() int64 {
		var e Event
		if err := json.Unmarshal([]byte(next()), &e); err != nil {
			t.Fatal(err)
		}
		return e.Seq
	}
	if got := seq(); got != 3 {
		t.Fatalf("begins with %d, want the newest, 3", got)
	}
	for want := int64(4); want < 8; want++ {
		w.store.accept(product(sdk.Updated, "8", "Hat", fmt.Sprint(want)))
		if got := seq(); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	}
}

func TestFollowEventsOfOneProduct(t *testing.T) {
	w := newWorld()
	w.fill()
	next, _ := followed(t, w, "/v1/events?follow=1&after=1&key=7")
	w.store.accept(product(sdk.Updated, "8", "Hat", "1"), product(sdk.Updated, "7", "Shirt", "9"))
	for _, want := range []string{`"seq":2,`, `"seq":5,`} {
		if line := next(); !strings.Contains(line, want) {
			t.Fatalf("got %s, want %s", line, want)
		}
	}
}

func TestFollowInspector(t *testing.T) {
	w := newWorld()
	take := func(body string) {
		w.bin.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(body)))
	}
	take("before")
	next, _ := followed(t, w, "/v1/inspect?follow=1")
	for _, body := range []string{"before", "one", "two"} {
		if body != "before" {
			take(body)
		}
		if line := next(); !strings.Contains(line, `"body":"`+body+`"`) {
			t.Fatalf("got %s, want %s", line, body)
		}
	}
	next, _ = followed(t, w, "/v1/inspect?follow=1&limit=0")
	take("three")
	if line := next(); !strings.Contains(line, `"body":"three"`) {
		t.Fatalf("from now on: got %s, want three", line)
	}

	w.deps.Inspector = nil
	response := w.serve(t, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/inspect?follow=1", nil))
	if response.Code != http.StatusConflict || !strings.Contains(response.Body.String(), "enabled = true") {
		t.Errorf("without an inspector: %d %s", response.Code, response.Body)
	}
}
