package sqlite

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// binder fills in a statement's parameters in their order. The first error is
// kept until the statement is run.
type binder struct {
	stmt *sqlite.Stmt
	at   int
	err  error
}

// bind prepares query, which the connection remembers.
func bind(conn *sqlite.Conn, query string) *binder {
	stmt, err := conn.Prepare(query)
	return &binder{stmt: stmt, err: err}
}

func (b *binder) next() bool { b.at++; return b.err == nil }

func (b *binder) text(v string) *binder {
	if b.next() {
		b.stmt.BindText(b.at, v)
	}
	return b
}

func (b *binder) int(v int64) *binder {
	if b.next() {
		b.stmt.BindInt64(b.at, v)
	}
	return b
}

func (b *binder) bool(v bool) *binder {
	if v {
		return b.int(1)
	}
	return b.int(0)
}

func (b *binder) time(v time.Time) *binder {
	if v.IsZero() {
		return b.int(0)
	}
	return b.int(v.UnixMicro())
}

// limit binds the most rows to read; SQLite takes a negative one for "all".
func (b *binder) limit(n int) *binder { return b.int(int64(max(n, 0))) }

func (b *binder) list(v []string) *binder { return b.text(joinLines(v)) }

// blob binds v; nil as NULL, which an empty blob is not.
func (b *binder) blob(v []byte) *binder {
	switch {
	case !b.next():
	case v == nil:
		b.stmt.BindNull(b.at)
	default:
		b.stmt.BindBytes(b.at, v)
	}
	return b
}

// product binds the stored form of p; nil as NULL.
func (b *binder) product(p *sdk.Product) *binder {
	if p == nil {
		return b.blob(nil)
	}
	data, err := encode(p)
	if b.err == nil {
		b.err = err
	}
	return b.blob(data)
}

// encode is the stored form of a product; of an empty one it is empty, not nil.
func encode(p *sdk.Product) ([]byte, error) { return p.AppendBinary([]byte{}) }

// run executes the statement, which returns no row.
func (b *binder) run() error { return b.each(func(*scanner) {}) }

// each calls fn for every row of the statement.
func (b *binder) each(fn func(*scanner)) error {
	if b.err != nil {
		return b.err
	}
	for {
		row, err := b.stmt.Step()
		if err == nil && row {
			r := scanner{stmt: b.stmt}
			if fn(&r); r.err == nil && !r.last {
				continue
			}
			err = r.err
		}
		if resetErr := b.stmt.Reset(); err == nil {
			err = resetErr
		}
		return err
	}
}

// scanner reads a row's columns in their order. The first value that cannot be
// read is kept in err.
type scanner struct {
	stmt *sqlite.Stmt
	at   int
	last bool // no more rows are wanted
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

func (r *scanner) list() []string { return splitLines(r.text()) }

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
	r.fail(key, p.UnmarshalBinary(r.blob()))
	return p
}

// productOrNil is for columns that may be NULL.
func (r *scanner) productOrNil(key string) *sdk.Product {
	data := r.blob()
	if data == nil {
		return nil
	}
	p := new(sdk.Product)
	r.fail(key, p.UnmarshalBinary(data))
	return p
}

func (r *scanner) raw(key string) *sdk.Raw {
	data := r.blob()
	if data == nil {
		return nil
	}
	raw := new(sdk.Raw)
	r.fail(key, json.Unmarshal(data, raw))
	return raw
}

func (r *scanner) open(connector string) []int64 {
	positions, err := decodeOpen(r.blob())
	r.fail(connector, err)
	return positions
}

func (r *scanner) fail(whose string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%q: %w", whose, err)
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

// selectProducts reads the catalog; a product itself is kept once, in the journal.
const selectProducts = "SELECT p.seq, p.changed, p.key, p.deleted, p.known, e.product, p.id" +
	" FROM products p JOIN events e ON e.seq = p.seq "

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

const (
	deliveryColumns = "id, " + deliveryValues
	deliveryValues  = "connector, key, seq, change_id, op, fields, attempt, at, took, outcome, kind, message, request, response, status, before, wanted"
)

func (r *scanner) delivery() store.Delivery {
	d := store.Delivery{ID: r.int(), Connector: r.text(), Key: r.text(), Seq: r.int(), ChangeID: r.text(), Op: r.text(),
		Fields: r.list(), Attempt: int(r.int()), At: r.time(), Took: time.Duration(r.int()), Outcome: store.Outcome(r.text()),
		Kind: r.text(), Message: r.text()}
	d.Exchange = sdk.Exchange{Request: r.text(), Response: r.text(), Status: int(r.int())}
	d.Before, d.Wanted = r.productOrNil(d.Key), r.productOrNil(d.Key)
	return d
}

var (
	escape   = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n")
)

// joinLines writes one text a line. Names of attributes may hold anything.
func joinLines(list []string) string {
	if !slices.ContainsFunc(list, func(v string) bool { return strings.ContainsAny(v, "\\\n") }) {
		return strings.Join(list, "\n")
	}
	escaped := make([]string, len(list))
	for i, v := range list {
		escaped[i] = escape.Replace(v)
	}
	return strings.Join(escaped, "\n")
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	list := strings.Split(text, "\n")
	if strings.Contains(text, `\`) {
		for i := range list {
			list[i] = unescape.Replace(list[i])
		}
	}
	return list
}

// encodeOpen writes ascending positions as differences.
func encodeOpen(positions []int64) ([]byte, error) {
	data := make([]byte, 0, 2*len(positions)+8)
	var last int64
	for _, seq := range positions {
		if seq <= last {
			return nil, fmt.Errorf("open position %d does not ascend", seq)
		}
		data = binary.AppendUvarint(data, uint64(seq-last))
		last = seq
	}
	return data, nil
}

func decodeOpen(data []byte) ([]int64, error) {
	var positions []int64
	var last int64
	for len(data) > 0 {
		step, n := binary.Uvarint(data)
		if n <= 0 || step == 0 || step > uint64(math.MaxInt64-last) {
			return nil, errors.New("the open positions cannot be read")
		}
		last += int64(step)
		positions = append(positions, last)
		data = data[n:]
	}
	return positions, nil
}
