package sdktest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/sdk"
)

// Memory is a platform and its connector in one, kept in memory: the reference
// for what a connector does, with every capability. Flaws make it a bad example,
// which shows that tests find it. Its methods may be called at any time.
type Memory struct {
	flaws Flaw

	mu      sync.Mutex           // guards what follows
	items   map[string]*sdk.Item // by remote id
	last    int
	trouble *Misbehaviour
	calls   int
}

// Flaw is a promise that a Memory breaks.
type Flaw uint

// The flaws, to be combined with |.
const (
	MakesTwins      Flaw = 1 << iota // creates again what it created before
	WritesAllFields                  // writes the whole product whatever Change.Fields says
	LosesResults                     // says nothing of a batch's last change
	IgnoresVersions                  // overwrites what a person changed there
	ArchivesOnce                     // fails to archive what is archived
	PurgesOnce                       // fails to purge what is gone
	StuckCursor                      // lists its first page for ever
	SkipsItems                       // leaves an item out between two pages
	NeverSettles                     // normalizes its own answer again
	FindsOthers                      // finds what nobody asked for
	HidesThrottling                  // calls 429 a plain error
	IgnoresContext                   // goes on when its context ended
	ShowsSecret                      // logs its token
	RefusesAll                       // lets one bad product fail the batch
)

// MemoryConfig are the options of a Memory's connector.
type MemoryConfig struct {
	Token sdk.Secret `json:"token" required:"true" doc:"Any text."`
}

// longestName is the one rule of this platform.
const longestName = 100

// NewMemory makes an empty platform.
func NewMemory(flaws ...Flaw) *Memory {
	m := &Memory{items: map[string]*sdk.Item{}}
	for _, f := range flaws {
		m.flaws |= f
	}
	return m
}

// Plugin is the platform's connector.
func (m *Memory) Plugin() sdk.Plugin[MemoryConfig] {
	return sdk.Plugin[MemoryConfig]{
		Name: "memory", Version: "1.0.0",
		Limits: sdk.Limits{Batch: 10, InFlight: 4},
		Open: func(_ context.Context, env sdk.Env, c MemoryConfig) (sdk.Connector, error) {
			return &memoryConnector{m, env.Log, c.Token}, nil
		},
	}
}

// Suite is what Run needs to know of this platform.
func (m *Memory) Suite() Suite {
	return Suite{
		Config: `{"token":"memory-secret-token"}`,
		Held:   func(context.Context) ([]sdk.Item, error) { return m.Held(), nil },
		Refused: func(key string) sdk.Product {
			return sdk.Product{Key: key, Code: key, Name: strings.Repeat("x", longestName+1)}
		},
		Edit: func(_ context.Context, remote sdk.Remote) error {
			m.Edit(remote.ID, func(p *sdk.Product) { p.Name = "edited by a person" })
			return nil
		},
		Disturb: func(trouble Misbehaviour) func() {
			m.Disturb(&trouble)
			return func() { m.Disturb(nil) }
		},
	}
}

// Held is what the platform holds, ordered by remote id.
func (m *Memory) Held() []sdk.Item {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sorted()
}

// Edit changes a product as a person does at the platform. An unknown id is
// left alone.
func (m *Memory) Edit(remoteID string, edit func(*sdk.Product)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if item := m.items[remoteID]; item != nil {
		edit(&item.Product)
		m.bump(item)
	}
}

// Disturb makes the platform misbehave until it is called with nil. Slow,
// Garbage and HalfAnswer are LostAnswer to it, since it speaks no HTTP.
func (m *Memory) Disturb(trouble *Misbehaviour) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trouble = trouble
}

// Calls counts the changes that reached the platform.
func (m *Memory) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

func (m *Memory) has(flaw Flaw) bool { return m.flaws&flaw != 0 }

func (m *Memory) sorted() []sdk.Item {
	items := make([]sdk.Item, 0, len(m.items))
	for _, item := range m.items {
		copied := *item
		copied.Product = item.Product.Clone()
		items = append(items, copied)
	}
	slices.SortFunc(items, func(a, b sdk.Item) int { return cmp.Compare(a.Remote.ID, b.Remote.ID) })
	return items
}

func (m *Memory) bump(item *sdk.Item) {
	version, _ := strconv.Atoi(item.Remote.Version)
	item.Remote.Version = strconv.Itoa(version + 1)
}

// write is the platform's API: one change, under its rules.
func (m *Memory) write(c sdk.Change) (sdk.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if t := m.trouble; t != nil && t.kind == tooMany {
		return sdk.Result{}, sdk.Throttle(t.wait, errors.New("too many requests"))
	} else if t != nil && t.kind == serverError {
		return sdk.Result{}, fmt.Errorf("the platform answered %d", t.status)
	}
	result, err := m.carryOut(c)
	if err == nil && m.trouble != nil {
		return sdk.Result{}, errors.New("the connection was closed before the answer came")
	}
	return result, err
}

func (m *Memory) carryOut(c sdk.Change) (sdk.Result, error) {
	item := m.find(sdk.Ref{Key: c.Key, Remote: c.Remote.ID})
	switch c.Op {
	case sdk.Upsert:
		return m.upsert(c, item)
	case sdk.Archive:
		if item != nil && item.Archived && m.has(ArchivesOnce) {
			return sdk.Result{}, errors.New("archived already")
		}
		if item == nil || item.Archived {
			return sdk.Result{Unchanged: true}, nil
		}
		item.Archived = true
		m.bump(item)
		return sdk.Result{Remote: item.Remote}, nil
	case sdk.Purge:
		if item == nil && m.has(PurgesOnce) {
			return sdk.Result{}, sdk.Missing(errors.New("no such product"))
		}
		if item != nil {
			delete(m.items, item.Remote.ID)
		}
		return sdk.Result{Unchanged: item == nil}, nil
	}
	return sdk.Result{}, sdk.Reject("", fmt.Errorf("the operation %s is not for this platform", c.Op))
}

func (m *Memory) upsert(c sdk.Change, item *sdk.Item) (sdk.Result, error) {
	wanted, err := normalize(c.Product)
	switch {
	case err != nil:
		return sdk.Result{}, err
	case item == nil && c.Remote.ID != "":
		return sdk.Result{}, sdk.Missing(fmt.Errorf("there is no product %s any more", c.Remote.ID))
	case item != nil && c.Remote.Version != "" && c.Remote.Version != item.Remote.Version && !m.has(IgnoresVersions):
		return sdk.Result{}, sdk.Changed(fmt.Errorf("it is at version %s, not %s", item.Remote.Version, c.Remote.Version))
	}
	fields := c.Fields
	if m.has(WritesAllFields) {
		fields = sdk.Diff(&sdk.Product{}, &wanted)
	}
	if item == nil || m.has(MakesTwins) && c.Remote.ID == "" {
		m.last++
		item = &sdk.Item{Key: c.Key, Remote: sdk.Remote{ID: fmt.Sprintf("r%06d", m.last)}}
		item.Product.Key = c.Key
		m.items[item.Remote.ID] = item
	} else if !item.Archived && !slices.ContainsFunc(fields, func(path string) bool { return !sdk.EqualField(&item.Product, &wanted, path) }) {
		return sdk.Result{Remote: item.Remote, Unchanged: true}, nil
	}
	for _, path := range fields {
		sdk.CopyField(&item.Product, &wanted, path)
	}
	item.Archived = false
	m.bump(item)
	after := item.Product.Clone()
	return sdk.Result{Remote: item.Remote, After: &after}, nil
}

// find is by remote id, key or code, whichever is given first.
func (m *Memory) find(ref sdk.Ref) *sdk.Item {
	if ref.Remote != "" {
		return m.items[ref.Remote]
	}
	for _, item := range m.items {
		if ref.Key != "" && item.Key == ref.Key || ref.Key == "" && ref.Code != "" && item.Product.Code == ref.Code {
			return item
		}
	}
	return nil
}

func normalize(p sdk.Product) (sdk.Product, error) {
	p.Name = strings.TrimSpace(p.Name)
	if len(p.Name) > longestName {
		return p, sdk.Reject("name", fmt.Errorf("at most %d characters, not %d", longestName, len(p.Name)))
	}
	return p, nil
}

// memoryConnector is what Open returns: the platform's translator.
type memoryConnector struct {
	*Memory
	log   hclog.Logger
	token sdk.Secret
}

func (m *memoryConnector) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	m.log.Debug("applying", "changes", len(changes), "token", m.token)
	if m.has(ShowsSecret) {
		m.log.Debug("authorized", "header", "Bearer "+m.token.Reveal())
	}
	results, err := sdk.Each(ctx, 2, changes, func(ctx context.Context, c sdk.Change) (sdk.Result, error) {
		if err := m.wait(ctx); err != nil {
			return sdk.Result{}, err
		}
		result, err := m.write(c)
		if m.has(HidesThrottling) && sdk.KindOf(err) == sdk.Throttled {
			err = errors.New("too many requests")
		}
		return result, err
	})
	if m.has(LosesResults) && len(results) > 0 {
		results = results[:len(results)-1]
	}
	for _, r := range results {
		if m.has(RefusesAll) && sdk.KindOf(r.Err) == sdk.Rejected {
			return nil, r.Err
		}
	}
	return results, err
}

// wait is for an answer that never comes.
func (m *memoryConnector) wait(ctx context.Context) error {
	m.mu.Lock()
	hangs := m.trouble != nil && m.trouble.kind == hang
	m.mu.Unlock()
	if !hangs {
		return nil
	}
	if m.has(IgnoresContext) {
		time.Sleep(patience / 2)
		return errors.New("gave up")
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func (m *memoryConnector) Check(context.Context) error { return nil }

func (m *memoryConnector) List(_ context.Context, q sdk.Query) (sdk.Page, error) {
	items := m.Held()
	from := 0
	if q.Cursor != "" && !m.has(StuckCursor) {
		from = slices.IndexFunc(items, func(i sdk.Item) bool { return i.Remote.ID > q.Cursor })
		if from < 0 {
			from = len(items)
		}
		if m.has(SkipsItems) {
			from = min(from+1, len(items))
		}
	}
	items = items[from:]
	limit := min(cmp.Or(q.Limit, 50), 50)
	if len(items) <= limit {
		return sdk.Page{Items: items}, nil
	}
	return sdk.Page{Items: items[:limit], Next: items[limit-1].Remote.ID}, nil
}

func (m *memoryConnector) Find(_ context.Context, refs []sdk.Ref) ([]sdk.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.has(FindsOthers) {
		return m.sorted(), nil
	}
	var found []sdk.Item
	for _, ref := range refs {
		if item := m.find(ref); item != nil {
			copied := *item
			copied.Product = item.Product.Clone()
			found = append(found, copied)
		}
	}
	return found, nil
}

func (m *memoryConnector) Normalize(p sdk.Product) (sdk.Product, error) {
	if m.has(NeverSettles) {
		p.Name += "!"
	}
	return normalize(p)
}
