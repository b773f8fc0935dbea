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

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// columns writes a row's values in their order, to a statement's parameters or
// to a frame of the log: both hold the same rows. The first error is kept.
type columns struct {
	to  target
	err error
}

type target interface {
	putInt(int64)
	putText(string)
	putBlob([]byte) // nil is NULL, which an empty blob is not
}

func (c *columns) int(v int64) *columns {
	if c.err == nil {
		c.to.putInt(v)
	}
	return c
}

func (c *columns) text(v string) *columns {
	if c.err == nil {
		c.to.putText(v)
	}
	return c
}

func (c *columns) blob(v []byte) *columns {
	if c.err == nil {
		c.to.putBlob(v)
	}
	return c
}

func (c *columns) bool(v bool) *columns {
	if v {
		return c.int(1)
	}
	return c.int(0)
}

func (c *columns) time(v time.Time) *columns {
	if v.IsZero() {
		return c.int(0)
	}
	return c.int(v.UnixMicro())
}

// limit is the most rows to read; SQLite takes a negative one for "all".
func (c *columns) limit(n int) *columns { return c.int(int64(max(n, 0))) }

func (c *columns) list(v []string) *columns { return c.text(joinLines(v)) }

// json writes v as JSON where it is there, else NULL.
func (c *columns) json(there bool, v any) *columns {
	if !there {
		return c.blob(nil)
	}
	data, err := json.Marshal(v)
	if c.err == nil {
		c.err = err
	}
	return c.blob(data)
}

// product writes the stored form of p; nil as NULL.
func (c *columns) product(p *sdk.Product) *columns {
	if p == nil {
		return c.blob(nil)
	}
	data, err := encode(p)
	if c.err == nil {
		c.err = err
	}
	return c.blob(data)
}

// encode is the stored form of a product; of an empty one it is empty, not nil.
func encode(p *sdk.Product) ([]byte, error) { return p.AppendBinary([]byte{}) }

// values reads a row's values in their order. The first that cannot be read is
// kept in err.
type values struct {
	from source
	last bool // no more rows are wanted
	err  error
}

type source interface {
	getInt() int64
	getText() string
	getBlob() []byte // nil for NULL
}

func (v *values) int() int64   { return v.from.getInt() }
func (v *values) text() string { return v.from.getText() }
func (v *values) blob() []byte { return v.from.getBlob() }
func (v *values) bool() bool   { return v.from.getInt() != 0 }

func (v *values) time() time.Time {
	if micros := v.int(); micros != 0 {
		return time.UnixMicro(micros).UTC()
	}
	return time.Time{}
}

func (v *values) list() []string { return splitLines(v.text()) }

func (v *values) product(key string) sdk.Product {
	var p sdk.Product
	v.fail(key, p.UnmarshalBinary(v.blob()))
	return p
}

// productOrNil is for columns that may be NULL.
func (v *values) productOrNil(key string) *sdk.Product {
	data := v.blob()
	if data == nil {
		return nil
	}
	p := new(sdk.Product)
	v.fail(key, p.UnmarshalBinary(data))
	return p
}

func (v *values) fail(whose string, err error) {
	if err != nil && v.err == nil {
		v.err = fmt.Errorf("%q: %w", whose, err)
	}
}

// What follows says for each table which columns a row has, once for writing and
// once for reading.

// What the column hint says of an event.
const (
	isNews  = 0
	isHint  = 1
	isEcho  = 2 // and so told by a destination
	isThere = 3 // told by a destination, and so a hint
)

func hint(e *event.Entry) int64 {
	switch {
	case e.Echo:
		return isEcho
	case e.There:
		return isThere
	case e.Hint:
		return isHint
	}
	return isNews
}

const entryColumns = "seq, accepted, key, deleted, fields, product, source, id, op, time, hint, raw"

// entry writes e, whose product has the stored form product.
func (c *columns) entry(e *event.Entry, product []byte) *columns {
	var raw []byte
	if e.Raw != nil {
		var err error
		if raw, err = json.Marshal(e.Raw); err != nil && c.err == nil {
			c.err = err
		}
	}
	return c.int(e.Seq).time(e.Accepted).text(e.Key).bool(e.Deleted).list(e.Fields).blob(product).
		text(e.Source).text(e.ID).text(string(e.Op)).time(e.Time).int(hint(e)).blob(raw)
}

func (v *values) entry() event.Entry {
	e := event.Entry{Seq: v.int(), Accepted: v.time(), Key: v.text(), Deleted: v.bool(), Fields: v.list()}
	e.Product = v.product(e.Key)
	e.Source, e.ID, e.Op = v.text(), v.text(), sdk.EventOp(v.text())
	e.Time = v.time()
	said := v.int()
	e.Hint, e.There, e.Echo = said != isNews, said >= isEcho, said == isEcho
	if data := v.blob(); data != nil {
		e.Raw = new(sdk.Raw)
		v.fail(e.Key, json.Unmarshal(data, e.Raw))
	}
	return e
}

const productColumns = "seq, changed, key, deleted, known"

func (c *columns) catalogRow(e *event.Entry) *columns {
	return c.int(e.Seq).time(e.Accepted).text(e.Key).bool(e.Deleted).list(e.Known)
}

// selectProducts reads the catalog; a product itself is kept once, in the journal.
const selectProducts = "SELECT p.seq, p.changed, p.key, p.deleted, p.known, e.product" +
	" FROM products p JOIN events e ON e.seq = p.seq "

func (v *values) catalogRow() event.Entry {
	e := v.catalogColumns()
	e.Product = v.product(e.Key)
	return e
}

func (v *values) catalogColumns() event.Entry {
	return event.Entry{Seq: v.int(), Accepted: v.time(), Key: v.text(), Deleted: v.bool(), Known: v.list()}
}

const laneColumns = "connector, cursor, open, state, reason, policy"

func (c *columns) lane(l *store.Lane) *columns {
	open, err := encodeOpen(l.Open)
	if err != nil && c.err == nil {
		c.err = err
	}
	return c.text(l.Connector).int(l.Cursor).blob(open).text(string(l.State)).text(l.Reason).text(l.Policy)
}

func (v *values) lane() store.Lane {
	l := store.Lane{Connector: v.text(), Cursor: v.int()}
	open, err := decodeOpen(v.blob())
	v.fail(l.Connector, err)
	l.Open, l.State, l.Reason, l.Policy = open, store.LaneState(v.text()), v.text(), v.text()
	return l
}

const linkColumns = "connector, key, remote, version, base, sent, archived, state, seq, attempts, next, unknown, reason, edited, restore, contended, changed"

func (c *columns) link(l *store.Link) *columns {
	return c.text(l.Connector).text(l.Key).text(l.Remote.ID).text(l.Remote.Version).product(l.Base).product(l.Sent).bool(l.Archived).
		text(string(l.State)).int(l.Seq).int(int64(l.Attempts)).time(l.Next).bool(l.Unknown).text(l.Reason).
		list(l.Edited).json(l.Restore != nil, l.Restore).json(l.Contended != nil, l.Contended).time(l.Changed)
}

func (v *values) link() store.Link {
	l := store.Link{Connector: v.text(), Key: v.text(), Remote: sdk.Remote{ID: v.text(), Version: v.text()}}
	l.Base, l.Sent = v.productOrNil(l.Key), v.productOrNil(l.Key)
	l.Archived, l.State, l.Seq, l.Attempts = v.bool(), store.State(v.text()), v.int(), int(v.int())
	l.Next, l.Unknown, l.Reason, l.Edited = v.time(), v.bool(), v.text(), v.list()
	if data := v.blob(); data != nil {
		l.Restore = new(store.Restore)
		v.fail(l.Key, json.Unmarshal(data, l.Restore))
	}
	if data := v.blob(); data != nil {
		l.Contended = new(store.Contended)
		v.fail(l.Key, json.Unmarshal(data, l.Contended))
	}
	l.Changed = v.time()
	return l
}

const deliveryColumns = "connector, key, seq, change_id, op, fields, attempt, at, took, outcome, kind, message, request, response, status, before, wanted"

func (c *columns) delivery(d *store.Delivery) *columns {
	return c.text(d.Connector).text(d.Key).int(d.Seq).text(d.ChangeID).text(d.Op).list(d.Fields).int(int64(d.Attempt)).
		time(d.At).int(int64(d.Took)).text(string(d.Outcome)).text(d.Kind).text(d.Message).
		text(d.Exchange.Request).text(d.Exchange.Response).int(int64(d.Exchange.Status)).
		product(d.Before).product(d.Wanted)
}

func (v *values) delivery() store.Delivery {
	d := store.Delivery{Connector: v.text(), Key: v.text(), Seq: v.int(), ChangeID: v.text(), Op: v.text(),
		Fields: v.list(), Attempt: int(v.int()), At: v.time(), Took: time.Duration(v.int()), Outcome: store.Outcome(v.text()),
		Kind: v.text(), Message: v.text()}
	d.Exchange = sdk.Exchange{Request: v.text(), Response: v.text(), Status: int(v.int())}
	d.Before, d.Wanted = v.productOrNil(d.Key), v.productOrNil(d.Key)
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
