package sdk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	pb "github.com/synchost/synchost/sdk/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The functions here turn the types of this package into those of
// connector.proto and back. Encoding never fails: text is made valid. Decoding
// fails on numbers that are none, since they come from another program.

func encodeChange(c *Change) *pb.Change {
	m := &pb.Change{
		Key:     valid(c.Key),
		Id:      valid(c.ID),
		Op:      pb.Op(c.Op),
		Product: encodeProduct(&c.Product),
		Fields:  validAll(c.Fields),
		Remote:  encodeRemote(c.Remote),
	}
	if e := c.Event; e != nil {
		m.Event = &pb.Event{
			Id:     valid(e.ID),
			Source: valid(e.Source),
			Op:     valid(string(e.Op)),
			Time:   encodeTime(e.Time),
			Hint:   e.Hint,
			Fields: validAll(e.Fields),
			Raw:    encodeRaw(e.Raw),
		}
	}
	return m
}

func decodeChange(m *pb.Change) (Change, error) {
	product, err := decodeProduct(m.GetProduct())
	if err != nil {
		return Change{}, err
	}
	c := Change{
		Key:     m.GetKey(),
		ID:      m.GetId(),
		Op:      Op(m.GetOp()),
		Product: product,
		Fields:  m.GetFields(),
		Remote:  decodeRemote(m.GetRemote()),
	}
	if e := m.GetEvent(); e != nil {
		c.Event = &Event{
			ID:     e.GetId(),
			Source: e.GetSource(),
			Op:     EventOp(e.GetOp()),
			Time:   decodeTime(e.GetTime()),
			Hint:   e.GetHint(),
			Fields: e.GetFields(),
			Raw:    decodeRaw(e.GetRaw()),
		}
	}
	return c, nil
}

func encodeRaw(r *Raw) *pb.Raw {
	if r == nil {
		return nil
	}
	m := &pb.Raw{
		Method:      valid(r.Method),
		Query:       valid(r.Query),
		ContentType: valid(r.ContentType),
		Body:        r.Body,
	}
	if len(r.Headers) > 0 {
		m.Headers = make(map[string]string, len(r.Headers))
		for name, value := range r.Headers {
			m.Headers[valid(name)] = valid(value)
		}
	}
	return m
}

func decodeRaw(m *pb.Raw) *Raw {
	if m == nil {
		return nil
	}
	return &Raw{
		Method:      m.GetMethod(),
		Query:       m.GetQuery(),
		ContentType: m.GetContentType(),
		Headers:     m.GetHeaders(),
		Body:        m.GetBody(),
	}
}

func encodeRemote(r Remote) *pb.Remote {
	if r == (Remote{}) {
		return nil
	}
	return &pb.Remote{Id: valid(r.ID), Version: valid(r.Version)}
}

func decodeRemote(m *pb.Remote) Remote {
	return Remote{ID: m.GetId(), Version: m.GetVersion()}
}

func encodeResult(r *Result) *pb.Result {
	m := &pb.Result{
		Key:       valid(r.Key),
		Remote:    encodeRemote(r.Remote),
		Unchanged: r.Unchanged,
		Failure:   encodeFailure(r.Err),
	}
	if r.After != nil {
		m.After = encodeProduct(r.After)
	}
	if r.Exchange != (Exchange{}) {
		m.Exchange = &pb.Exchange{
			Request:  valid(r.Exchange.Request),
			Response: valid(r.Exchange.Response),
			Status:   int32(r.Exchange.Status),
		}
	}
	return m
}

func decodeResult(m *pb.Result) (Result, error) {
	r := Result{
		Key:       m.GetKey(),
		Remote:    decodeRemote(m.GetRemote()),
		Unchanged: m.GetUnchanged(),
		Err:       decodeFailure(m.GetFailure()),
		Exchange: Exchange{
			Request:  m.GetExchange().GetRequest(),
			Response: m.GetExchange().GetResponse(),
			Status:   int(m.GetExchange().GetStatus()),
		},
	}
	if m.After != nil {
		after, err := decodeProduct(m.After)
		if err != nil {
			return Result{}, err
		}
		r.After = &after
	}
	return r, nil
}

func encodeItem(i *Item) *pb.Item {
	return &pb.Item{
		Key:      valid(i.Key),
		Remote:   encodeRemote(i.Remote),
		Product:  encodeProduct(&i.Product),
		Archived: i.Archived,

		Unreadable: valid(i.Unreadable),
	}
}

func decodeItems(items []*pb.Item) ([]Item, error) {
	out := make([]Item, 0, len(items))
	for _, m := range items {
		product, err := decodeProduct(m.GetProduct())
		if err != nil {
			return nil, err
		}
		out = append(out, Item{
			Key:      m.GetKey(),
			Remote:   decodeRemote(m.GetRemote()),
			Product:  product,
			Archived: m.GetArchived(),

			Unreadable: m.GetUnreadable(),
		})
	}
	return out, nil
}

// classify is the first Error in err, else a plain one, and the text of the
// whole without the field that Error puts in front of its own.
func classify(err error) (e *Error, message string) {
	message = err.Error()
	if !errors.As(err, &e) {
		return &Error{Err: err}, message
	}
	if e.Field != "" && e.Err != nil {
		message = strings.Replace(message, e.Error(), e.Err.Error(), 1)
	}
	return e, message
}

func encodeFailure(err error) *pb.Failure {
	if err == nil {
		return nil
	}
	e, message := classify(err)
	m := &pb.Failure{Kind: pb.Failure_Kind(e.Kind), Field: valid(e.Field), Message: valid(message)}
	if e.After > 0 {
		m.After = durationpb.New(e.After)
	}
	return m
}

// decodeFailure always gives an *Error, so that the host can tell what the
// connector said from what became of the call. A kind that this version does
// not know is Temporary.
func decodeFailure(m *pb.Failure) error {
	if m == nil {
		return nil
	}
	kind := m.GetKind()
	if _, known := pb.Failure_Kind_name[int32(kind)]; !known {
		kind = pb.Failure_KIND_TEMPORARY
	}
	e := &Error{Kind: Kind(kind), After: max(m.GetAfter().AsDuration(), 0), Field: m.GetField()}
	if text := m.GetMessage(); text != "" {
		e.Err = errors.New(text)
	} else {
		e.Err = fmt.Errorf("%s, without a word why", e.Kind)
	}
	return e
}

func encodeTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// decodeTime gives UTC; what is no time is the zero time.
func decodeTime(m *timestamppb.Timestamp) time.Time {
	if m == nil || !m.IsValid() {
		return time.Time{}
	}
	return m.AsTime()
}
