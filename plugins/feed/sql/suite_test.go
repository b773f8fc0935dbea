package main

import (
	"os"
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

type options = map[string]any

// shopTable is what a shop of its own making may look like.
const shopTable = `id {id}, ref varchar(100) UNIQUE, sku varchar(64) UNIQUE, title varchar(60) CHECK (length(title) <= 60),
	description text, state varchar(20), brand varchar(40), price decimal(12,2), currency char(3),
	qty decimal(12,3), cats {json}, tags text, material varchar(40), deleted {bool} DEFAULT false`

func shopConfig(d *database, table string) options {
	lists := "text"
	if d.driver == "mysql" { // MariaDB does not tell its type json from text
		lists = "json"
	}
	return options{
		"lists":  lists,
		"driver": d.driver, "dsn": d.dsn, "table": table, "write": true, "timeout": "10s",
		"key": "ref", "remote_id": "id",
		"archive": options{"column": "deleted"},
		"columns": options{
			"code": "sku", "name": "title", "description": "description", "status": "state", "brand": "brand",
			"prices":     []options{{"amount": "price", "currency_column": "currency"}},
			"stock":      []options{{"quantity": "qty"}},
			"categories": "cats", "tags": "tags", "attributes": options{"material": "material"},
		},
	}
}

// The connector keeps the contract on every database, whether the table keeps
// our key beside an id of its own, keeps no key, or knows no id but our key.
func TestContract(t *testing.T) {
	shapes := map[string]func(options){
		"key beside id": func(options) {},
		"found by code": func(c options) { delete(c, "key") },
		"key is the id": func(c options) { delete(c, "remote_id") },
		"status is the archive": func(c options) {
			delete(c, "archive")
			c["statuses"] = options{"active": "publish", "archived": "trash"}
		},
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, d *database) {
				through, disturb := d, lockSQLite(t, d)
				if d.socket != "" {
					var w *wire
					w, through = newWire(t, d)
					disturb = w.disturb
				}
				config := shopConfig(through, d.table(t, shopTable))
				shape(config)
				sdktest.Run(t, plugin, sdktest.Suite{
					Config: config, Disturb: disturb,
					Refused: func(key string) sdk.Product { return sdk.Product{Code: key, Name: strings.Repeat("x", 61)} },
				})
			})
		})
	}
}

// lockSQLite lets another program write for a long time.
func lockSQLite(t *testing.T, d *database) func(sdktest.Misbehaviour) func() {
	return func(m sdktest.Misbehaviour) func() {
		if m.String() != "hang" {
			return nil
		}
		conn, err := d.admin.Conn(t.Context())
		if err == nil {
			_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
		}
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			_, _ = conn.ExecContext(t.Context(), "ROLLBACK")
			_ = conn.Close()
		}
	}
}

// shortFolder is one whose sockets have names that are short enough.
func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "wire")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}
