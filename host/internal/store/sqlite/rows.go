package sqlite

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// binder fills in a statement's parameters in their order.
type binder struct {
	stmt *sqlite.Stmt
	at   int
}

func bind(stmt *sqlite.Stmt) *binder { return &binder{stmt: stmt} }

func (b *binder) text(v string) *binder { b.at++; b.stmt.BindText(b.at, v); return b }
func (b *binder) int(v int64) *binder   { b.at++; b.stmt.BindInt64(b.at, v); return b }
func (b *binder) bool(v bool) *binder   { b.at++; b.stmt.BindBool(b.at, v); return b }
func (b *binder) time(v time.Time) *binder {
	if v.IsZero() {
		return b.int(0)
	}
	return b.int(v.UnixMicro())
}
func (b *binder) list(v []string) *binder { return b.text(strings.Join(v, "\n")) }

// blob binds v; nil as NULL, which an empty blob is not.
func (b *binder) blob(v []byte) *binder {
	b.at++
	if v == nil {
		b.stmt.BindNull(b.at)
	} else {
		b.stmt.BindBytes(b.at, v)
	}
	return b
}

// run executes the statement, which returns no row.
func (b *binder) run() error {
	_, err := b.stmt.Step()
	if resetErr := b.stmt.Reset(); err == nil {
		err = resetErr
	}
	return err
}

// each calls fn for every row of the statement.
func (b *binder) each(fn func(*scanner) error) (err error) {
	defer func() {
		if resetErr := b.stmt.Reset(); err == nil {
			err = resetErr
		}
	}()
	for {
		row, err := b.stmt.Step()
		if err != nil || !row {
			return err
		}
		row2 := scanner{stmt: b.stmt}
		if err := fn(&row2); err != nil {
			return err
		}
		if row2.err != nil {
			return row2.err
		}
	}
}

// scanner reads a row's columns in their order. The first value that cannot be
// read is kept in err.
type scanner struct {
	stmt *sqlite.Stmt
	at   int
	err  error
}

func (r *scanner) col() int     { r.at++; return r.at - 1 }
func (r *scanner) text() string { return r.stmt.ColumnText(r.col()) }
func (r *scanner) int() int64   { return r.stmt.ColumnInt64(r.col()) }
func (r *scanner) bool() bool   { return r.stmt.ColumnInt64(r.col()) != 0 }

func (r *scanner) time() time.Time {
	if v := r.int(); v != 0 {
		return time.UnixMicro(v).UTC()
	}
	return time.Time{}
}

func (r *scanner) list() []string {
	if v := r.text(); v != "" {
		return strings.Split(v, "\n")
	}
	return nil
}

func (r *scanner) blob() []byte {
	col := r.col()
	if r.stmt.ColumnIsNull(col) {
		return nil
	}
	data := make([]byte, r.stmt.ColumnLen(col))
	r.stmt.ColumnBytes(col, data)
	return data
}

func (r *scanner) product(key string) sdk.Product {
	var p sdk.Product
	r.fail(p.UnmarshalBinary(r.blob()), key)
	return p
}

// productOrNil is for columns that may be NULL.
func (r *scanner) productOrNil(key string) *sdk.Product {
	data := r.blob()
	if data == nil {
		return nil
	}
	p := new(sdk.Product)
	r.fail(p.UnmarshalBinary(data), key)
	return p
}

func (r *scanner) raw(key string) *sdk.Raw {
	data := r.blob()
	if data == nil {
		return nil
	}
	raw := new(sdk.Raw)
	r.fail(json.Unmarshal(data, raw), key)
	return raw
}

func (r *scanner) fail(err error, key string) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("product %q: %w", key, err)
	}
}

const entryColumns = "seq, accepted, key, deleted, fields, product, source, id, op, time, hint, raw"

func (r *scanner) entry() event.Entry {
	e := event.Entry{Seq: r.int(), Accepted: r.time(), Key: r.text(), Deleted: r.bool(), Fields: r.list()}
	e.Product = r.product(e.Key)
	e.Source, e.ID, e.Op = r.text(), r.text(), sdk.EventOp(r.text())
	e.Time, e.Hint, e.Raw = r.time(), r.bool(), r.raw(e.Key)
	return e
}

const productColumns = "seq, changed, key, deleted, known, product"

func (r *scanner) catalogRow() event.Entry {
	e := event.Entry{Seq: r.int(), Accepted: r.time(), Key: r.text(), Deleted: r.bool(), Known: r.list()}
	e.Product = r.product(e.Key)
	return e
}

const linkColumns = "connector, key, remote, version, base, sent, archived, state, seq, attempts, next, unknown, reason, changed"

func (r *scanner) link() store.Link {
	l := store.Link{Connector: r.text(), Key: r.text(), Remote: sdk.Remote{ID: r.text(), Version: r.text()}}
	l.Base, l.Sent = r.productOrNil(l.Key), r.productOrNil(l.Key)
	l.Archived, l.State, l.Seq, l.Attempts = r.bool(), store.State(r.text()), r.int(), int(r.int())
	l.Next, l.Unknown, l.Reason, l.Changed = r.time(), r.bool(), r.text(), r.time()
	return l
}

const deliveryColumns = "id, connector, key, seq, change_id, op, fields, attempt, at, took, outcome, kind, message, request, response, status, before, wanted"

func (r *scanner) delivery() store.Delivery {
	d := store.Delivery{ID: r.int(), Connector: r.text(), Key: r.text(), Seq: r.int(), ChangeID: r.text(), Op: r.text(),
		Fields: r.list(), Attempt: int(r.int()), At: r.time(), Took: time.Duration(r.int()), Outcome: store.Outcome(r.text()),
		Kind: r.text(), Message: r.text()}
	d.Exchange = sdk.Exchange{Request: r.text(), Response: r.text(), Status: int(r.int())}
	d.Before, d.Wanted = r.productOrNil(d.Key), r.productOrNil(d.Key)
	return d
}

// encode is the stored form of a product; nil stays nil.
func encode(p *sdk.Product) []byte {
	if p == nil {
		return nil
	}
	data, err := p.MarshalBinary()
	if err != nil {
		panic("sdk: a product always has a wire form: " + err.Error())
	}
	return data
}

// encodeOpen writes ascending positions as differences.
func encodeOpen(positions []int64) []byte {
	data := make([]byte, 0, 2*len(positions)+8)
	var last int64
	for _, seq := range positions {
		data = binary.AppendUvarint(data, uint64(seq-last))
		last = seq
	}
	return data
}

func decodeOpen(data []byte) ([]int64, error) {
	var positions []int64
	var last int64
	for len(data) > 0 {
		step, n := binary.Uvarint(data)
		if n <= 0 || step == 0 {
			return nil, fmt.Errorf("a lane's open positions cannot be read")
		}
		last += int64(step)
		positions = append(positions, last)
		data = data[n:]
	}
	return positions, nil
}
