package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
)

// fixed is a connector to look at the statements of.
func fixed(driver string, c Config) *relation {
	d := dialects[driver]
	c.Key, c.RemoteID, c.Columns, c.Overlap = "ref", "id", Columns{Code: "sku", Name: "the title", Tags: "tags"}, sdk.Duration(time.Minute)
	c.UpdatedAt = "seen"
	array, moment := textKind, momentKind
	if driver == "postgres" {
		array = arrayKind
	}
	l, err := newLayout(d, &c, []column{
		{name: "id", kind: integerKind}, {name: "ref"}, {name: "sku"}, {name: "the title"}, {name: "tags", kind: array}, {name: "seen", kind: moment},
	})
	if err != nil {
		panic(err)
	}
	return &relation{dialect: d, config: c, layout: l}
}

// The whole SQL that there is, on each database: names are quoted, values are
// parameters, and no page is reached by counting.
func TestStatements(t *testing.T) {
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	table, query := Config{Table: "shop.products"}, Config{Query: "SELECT * FROM x"}
	const columns = "`id`, `ref`, `sku`, `seen`, `the title`, `tags`"
	const arrays = `"id", "ref", "sku", "seen", "the title", array_to_json("tags")::text`
	for _, one := range []struct {
		driver string
		config Config
		make   func(r *relation) *statement
		want   string
	}{
		{"sqlite", table, func(r *relation) *statement { return r.page(nil, time.Time{}, 500) },
			"SELECT " + columns + " FROM `shop`.`products` WHERE `id` IS NOT NULL AND typeof(`id`) IN ('integer', 'text') ORDER BY `id` LIMIT 500 []"},
		{"sqlite", table, func(r *relation) *statement { return r.page(int64(7), since, 2) },
			"SELECT " + columns + " FROM `shop`.`products` WHERE `id` > ? AND typeof(`id`) IN ('integer', 'text') AND coalesce(CASE typeof(`seen`) WHEN 'integer' THEN `seen` ELSE unixepoch(`seen`) END >= ?, 1) ORDER BY `id` LIMIT 2 [7 1772366340]"},
		{"postgres", table, func(r *relation) *statement { return r.page(int64(7), since, 2) },
			`SELECT ` + arrays + ` FROM "shop"."products" WHERE "id" > $1::bigint AND ("seen" >= $2 OR "seen" IS NULL) ORDER BY "id" LIMIT 2 [7 2026-03-01 11:59:00 +0000 UTC]`},
		{"mysql", query, func(r *relation) *statement { return r.page("it's", time.Time{}, 2) },
			"SELECT " + columns + " FROM (\nSELECT * FROM x\n) AS products WHERE `id` > ? ORDER BY `id` LIMIT 2 [it's]"},
		{"postgres", table, func(r *relation) *statement { return r.ties(int64(7), 3) },
			`SELECT ` + arrays + ` FROM "shop"."products" WHERE "id" = $1::bigint LIMIT 3 [7]`},
		{"sqlite", table, func(r *relation) *statement { return r.unidentified() },
			"SELECT COUNT(*) FROM `shop`.`products` WHERE NOT (`id` IS NOT NULL AND typeof(`id`) IN ('integer', 'text')) []"},
		{"postgres", table, func(r *relation) *statement {
			return r.insert([]assignment{{r.layout.key, "k"}, {r.layout.code, "c"}})
		}, `INSERT INTO "shop"."products" ("ref", "sku") VALUES ($1, $2) RETURNING "id" [k c]`},
		{"mysql", table, func(r *relation) *statement { return r.insert([]assignment{{r.layout.key, "k"}}) },
			"INSERT INTO `shop`.`products` (`ref`) VALUES (?) [k]"},
		{"postgres", table, func(r *relation) *statement { return r.update("7", []assignment{{r.layout.code, nil}}) },
			`UPDATE "shop"."products" SET "sku" = $1 WHERE "id" IN ($2::bigint) [<nil> 7]`},
		{"sqlite", table, func(r *relation) *statement { return r.update("7", []assignment{{r.layout.code, "c"}}) },
			"UPDATE `shop`.`products` SET `sku` = ? WHERE `id` IN (?, ?) [c 7 7]"},
		{"mysql", table, func(r *relation) *statement { return r.remove("x") },
			"DELETE FROM `shop`.`products` WHERE 1 = 0 []"},
	} {
		s := one.make(fixed(one.driver, one.config))
		if got := s.text.String() + " " + fmt.Sprint(s.args); got != one.want {
			t.Errorf("%s:\n%s\nwant\n%s", one.driver, got, one.want)
		}
	}
}
