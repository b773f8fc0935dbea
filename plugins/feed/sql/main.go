// Command sql is the connector for products in a table of PostgreSQL, MySQL,
// MariaDB or SQLite: as a source a table, view or query is read; as a
// destination the rows of a table are kept in step. Its README tells how.
//
// A listing goes through the table by its key (keyset pagination), every value
// travels as a parameter, and what differs between the databases is in one file
// each, as a dialect.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/sdk"
)

// connections are as many as there are calls at once.
const connections = 4

var plugin = sdk.Plugin[Config]{
	Name:    "sql",
	Version: "0.1.0",
	Limits:  sdk.Limits{Batch: 100, InFlight: connections, Timeout: time.Minute},
	Open:    open,
	Type:    func(Config) sdk.Connector { return (*relation)(nil) },
}

func main() { sdk.Serve(plugin) }

// relation is the connector: a table, view or query, and how its columns make
// products.
type relation struct {
	db      *sql.DB
	dialect *dialect
	config  Config
	timeout time.Duration
	log     hclog.Logger
	layout  *layout
}

func open(ctx context.Context, env sdk.Env, c Config) (sdk.Connector, error) {
	d := dialects[c.Driver]
	db, err := d.open(c.DSN.Reveal(), session{timeout: c.Timeout.Std(), writes: c.Write})
	if err != nil {
		return nil, sdk.Reject("dsn", err)
	}
	db.SetMaxOpenConns(connections)
	if d.oneWriter && c.Write {
		db.SetMaxOpenConns(1) // who waits for the other waits here, and not in the database
	}
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	r := &relation{db: db, dialect: d, config: c, timeout: c.Timeout.Std(), log: env.Log}
	if r.layout, err = r.describe(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	for _, risk := range r.layout.risks(&c) {
		env.Log.Warn(risk)
	}
	return r, nil
}

// Fields are the paths that columns are mapped to.
func (r *relation) Fields() []string {
	paths := make([]string, len(r.layout.parts))
	for i, p := range r.layout.parts {
		paths[i] = p.path
	}
	return paths
}

// ReadsOnly says that nothing is to be delivered here.
func (r *relation) ReadsOnly() bool { return !r.config.Write }

// Check connects, and looks whether every column is still there.
func (r *relation) Check(ctx context.Context) error {
	_, err := r.describe(ctx)
	return err
}

// Close ends the connections.
func (r *relation) Close() error { return r.db.Close() }

// describe asks the database what columns there are, and finds those that the
// configuration names.
func (r *relation) describe(ctx context.Context) (*layout, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	if err := r.db.PingContext(ctx); err != nil {
		return nil, r.fault(err)
	}
	columns, err := r.columns(ctx)
	if err != nil {
		option := "query"
		if r.config.Table != "" {
			option = "table"
		}
		if fault := r.fault(err); !isSchemaFault(fault) {
			return nil, fault
		}
		return nil, sdk.Reject(option, fmt.Errorf("the database does not have it so: %w", err))
	}
	return newLayout(r.dialect, &r.config, columns)
}

// columns are all that the relation has, with what the catalog says of them.
func (r *relation) columns(ctx context.Context) ([]column, error) {
	none := statement{dialect: r.dialect}
	none.add("SELECT * FROM ").from(&r.config).add(" WHERE 1 = 0")
	rows, err := r.db.QueryContext(ctx, none.text.String(), r.dialect.afresh...)
	if err != nil {
		return nil, err
	}
	types, err := rows.ColumnTypes()
	if err = errors.Join(err, rows.Close()); err != nil {
		return nil, err
	}
	columns := make([]column, len(types))
	for i, t := range types {
		c := column{name: t.Name(), typeName: t.DatabaseTypeName(), kind: r.dialect.kindOf(t.DatabaseTypeName())}
		if c.kind == momentKind && r.dialect.zone != nil {
			c.zone = r.dialect.zone(r.config.DSN.Reveal())
		}
		columns[i] = c
	}
	if r.config.Table == "" {
		return columns, nil
	}
	return columns, r.constraints(ctx, columns)
}

// constraints fills in which columns must be filled and which are unique.
func (r *relation) constraints(ctx context.Context, columns []column) error {
	query, args := r.dialect.constraints(tableName(&r.config))
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var notNull, unique bool
		if err := rows.Scan(&name, &notNull, &unique); err != nil {
			return err
		}
		for i := range columns {
			if columns[i].name == name {
				columns[i].notNull, columns[i].unique = notNull, unique
			}
		}
	}
	return rows.Err()
}
