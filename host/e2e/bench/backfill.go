package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	_ "modernc.org/sqlite"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/launch"
	"github.com/synchost/synchost/sdk"
)

// backfill has a host fill an empty shop with its catalog, in turn with the same
// connector called in a loop with the same products. The shop is a table of SQLite,
// and a call has a hundred products.
func (b *bench) backfill(ctx context.Context) error {
	n := b.scaled(20_000)
	var through, direct []float64
	for round := range b.rounds {
		a, err := b.filled(ctx, n)
		if err != nil {
			return err
		}
		d, err := b.looped(ctx, n)
		if err != nil {
			return err
		}
		through, direct = append(through, a), append(direct, d)
		b.progress("round %d: %.0f/s by the host, %.0f/s in a loop", round+1, a, d)
	}
	return b.report(
		row{name: "the connector called in a loop, 100 products a call", unit: "/s", figures: direct},
		row{name: "backfill of " + thousands(n) + " products ÷ called in a loop", unit: "/s", figures: through, ratios: over(through, direct)},
	)
}

// filled is how many products a second a host's lane creates, from when it may on.
func (b *bench) filled(ctx context.Context, n int) (float64, error) {
	h, err := b.hostOf("backfill", 1, tableConnector)
	if err != nil {
		return 0, err
	}
	defer b.discard(h)
	shop, err := newTable(ctx, h.dir)
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(h.dir, "shop.dsn"), []byte(shop), 0o600); err != nil {
		return 0, err
	}
	if _, _, err := h.start(ctx); err != nil {
		return 0, err
	}
	if err := h.connected(ctx); err != nil {
		return 0, err
	}
	if err := h.ask(ctx, http.MethodPost, "/v1/connectors/shop/pause", nil, nil); err != nil {
		return 0, err
	}
	if _, err := b.bulkLoad("backfill", n, n).to(ctx, h); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := h.ask(ctx, http.MethodPost, "/v1/connectors/shop/resume", nil, nil); err != nil {
		return 0, err
	}
	if err := h.reaches(ctx, "fill the shop", func(s *standing) bool { return len(s.Lanes) == 1 && s.Lanes[0].Delivered >= n }); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(began).Seconds(), countRows(ctx, shop, n)
}

// looped is how many products a second the connector itself creates.
func (b *bench) looped(ctx context.Context, n int) (rate float64, err error) {
	b.hosts++
	dir := filepath.Join(b.dir, fmt.Sprintf("%02d-loop", b.hosts))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	if !b.keep {
		defer os.RemoveAll(dir)
	}
	shop, err := newTable(ctx, dir)
	if err != nil {
		return 0, err
	}
	options, err := json.Marshal(map[string]any{
		"driver": "sqlite", "dsn": shop, "table": "products", "write": true, "key": "ref",
		"columns": map[string]any{
			"code": "sku", "name": "title",
			"prices": []any{map[string]any{"amount": "price", "currency": "EUR"}},
			"stock":  []any{map[string]any{"quantity": "stock"}},
		},
	})
	if err != nil {
		return 0, err
	}
	spec := launch.Spec{
		Connector: config.Connector{Name: "shop", Plugin: "sql", Config: options, TLS: "auto"},
		Binary:    filepath.Join(b.bin, "connectors", "sql"), RunDir: dir, StateDir: filepath.Join(dir, "state"),
	}
	err = launch.Probe(ctx, spec, hclog.NewNullLogger(), func(client *sdk.Client) error {
		opened, problems, err := client.Configure(ctx, spec.Setup())
		if err != nil || len(problems) > 0 {
			return fmt.Errorf("the connector does not open: %v: %w", problems, err)
		}
		began := time.Now()
		for from := 0; from < n; from += 100 {
			if _, err := client.Apply(ctx, creates(from, min(from+100, n), opened.Fields)); err != nil {
				return err
			}
		}
		rate = float64(n) / time.Since(began).Seconds()
		return nil
	})
	if err != nil {
		return 0, err
	}
	return rate, countRows(ctx, shop, n)
}

// creates are changes that make some of the products that a load sends.
func creates(from, to int, fields []string) []sdk.Change {
	changes := make([]sdk.Change, 0, to-from)
	for i := from; i < to; i++ {
		key := fmt.Sprint("loop-p", i)
		changes = append(changes, sdk.Change{Key: key, ID: key, Op: sdk.Upsert, Fields: fields, Product: sdk.Product{
			Key: key, Code: "SKU-" + key, Name: "Product " + key,
			Prices: []sdk.Price{{Amount: "12.34", Currency: "EUR"}}, Stock: []sdk.Stock{{Quantity: "1"}},
		}})
	}
	return changes
}

const tableConnector = `
[connectors.shop]
plugin = "sql"
[connectors.shop.config]
driver = "sqlite"
dsn = { file = "shop.dsn" }
table = "products"
write = true
key = "ref"
[connectors.shop.config.columns]
code = "sku"
name = "title"
prices = [{ amount = "price", currency = "EUR" }]
stock = [{ quantity = "stock" }]
`

// newTable makes an empty shop, and returns its file.
func newTable(ctx context.Context, dir string) (string, error) {
	file := filepath.Join(dir, "shop.db")
	return file, inTable(file, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, `CREATE TABLE products (ref text PRIMARY KEY, sku text UNIQUE, title text, price text, stock integer)`)
		return err
	})
}

// countRows fails unless a shop has n products.
func countRows(ctx context.Context, file string, n int) error {
	return inTable(file, func(db *sql.DB) error {
		var have int
		err := db.QueryRowContext(ctx, `SELECT count(*) FROM products`).Scan(&have)
		if err == nil && have != n {
			err = fmt.Errorf("the shop has %d products, want %d", have, n)
		}
		return err
	})
}

func inTable(file string, do func(*sql.DB) error) error {
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}
