package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	pb "github.com/synchost/synchost/sdk/proto"
	"google.golang.org/protobuf/proto"
)

// full is a product in which every field holds something.
func full() Product {
	return Product{
		Key: "4711", Code: "SKU-1", Name: "Shirt", Description: "<p>A shirt</p>", Status: Active,
		Brand: "Acme", Unit: "pcs", Barcode: "4006381333931", TaxCode: "A",
		Prices:     []Price{{Amount: "12.50", Currency: "EUR", List: "b2b", TaxIncluded: true, CompareAt: "15"}},
		Stock:      []Stock{{Location: "north", Quantity: "-3"}, {Quantity: "0.5"}},
		Categories: []string{"Clothes/Shirts"},
		Tags:       []string{"new", "sale"},
		Media:      []Media{{URL: "https://cdn.example/1.jpg", Alt: "front", Digest: "sha256:00"}},
		Weight:     &Weight{Value: "0.250", Unit: "kg"},
		Size:       &Size{Length: "30", Width: "20", Height: "2.5", Unit: "cm"},
		Variants: []Variant{{
			Key: "4711-m", Code: "SKU-1-M", Options: []VariantOption{{"size", "M"}}, Barcode: "1",
			Prices: []Price{{Amount: "13", Currency: "EUR"}}, Stock: []Stock{{Quantity: "7"}},
			Media: []Media{{URL: "https://cdn.example/m.jpg"}}, Weight: &Weight{Value: "1", Unit: "lb"},
		}},
		Attributes: map[string]Value{
			"text": String("a"), "number": Number("1.50"), "yes": Bool(true), "no": Bool(false),
			"list": List(String("a"), Number("2"), Bool(true)), "none": {},
		},
	}
}

func TestFullProductHasNoEmptyField(t *testing.T) {
	value := reflect.ValueOf(full())
	for i := range value.NumField() {
		if value.Field(i).IsZero() {
			t.Errorf("full() leaves %s empty, so nothing here tests it", value.Type().Field(i).Name)
		}
	}
}

func TestProductSurvivesWireAndJSON(t *testing.T) {
	for name, want := range map[string]Product{"full": full(), "zero": {}} {
		t.Run(name, func(t *testing.T) {
			data, err := want.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			got := Product{Name: "left over"}
			if err := got.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(Value{})); diff != "" {
				t.Errorf("the wire changed it (-want +got):\n%s", diff)
			}
			text, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			var read Product
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, read, cmp.AllowUnexported(Value{})); diff != "" {
				t.Errorf("JSON changed it (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEqualProductsGiveEqualBytes(t *testing.T) {
	first, err := full().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for range 50 { // map order differs from run to run
		again, err := full().MarshalBinary()
		if err != nil || !bytes.Equal(first, again) {
			t.Fatalf("bytes differ between two equal products (error %v)", err)
		}
	}
	appended, err := full().AppendBinary([]byte("x"))
	if err != nil || string(appended) != "x"+string(first) {
		t.Errorf("AppendBinary does not append the same bytes (error %v)", err)
	}
}

func TestTextThatIsNotUTF8IsRepairedButNeverAKey(t *testing.T) {
	broken := Product{Key: "a", Name: "caf\xe9", Attributes: map[string]Value{"x\xff": String("y\xff")}}
	data, err := broken.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got Product
	if err := got.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if got.Name != "caf\uFFFD" || got.Attributes["x\uFFFD"].Text() != "y\uFFFD" {
		t.Errorf("got %+v", got)
	}
	if _, err := (Product{Key: "a\xff"}).MarshalBinary(); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("a broken key gave %v", err)
	}
}

func TestProductFromTheWireIsChecked(t *testing.T) {
	nested := &pb.Value{Kind: &pb.Value_List{List: &pb.ValueList{Values: []*pb.Value{
		{Kind: &pb.Value_List{List: &pb.ValueList{}}},
	}}}}
	for want, m := range map[string]*pb.Product{
		"prices.amount":    {Prices: []*pb.Price{{Amount: "12,50"}}},
		"stock.quantity":   {Stock: []*pb.Stock{{Quantity: "1e5"}}},
		"weight.value":     {Weight: &pb.Weight{Value: "heavy"}},
		"size.height":      {Size: &pb.Size{Height: "-"}},
		"without digits":   {Attributes: map[string]*pb.Value{"n": {Kind: &pb.Value_Number{}}}},
		"a list in a list": {Attributes: map[string]*pb.Value{"l": nested}},
	} {
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		p := Product{Name: "kept"}
		if err := p.UnmarshalBinary(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %s", err, want)
		}
		if p.Name != "kept" {
			t.Error("a refused product changed the one there was")
		}
	}
}

func TestProductJSONIsStrict(t *testing.T) {
	for text, want := range map[string]string{
		`{"key":"a","naem":"x"}`:                      `unknown field "naem"`,
		`{"key":"a","prices":[{"amont":"1"}]}`:        `unknown field "amont"`,
		`{"key":"a","stock":[{"quantity":"1,5"}]}`:    "not a decimal",
		`{"key":"a","attributes":{"x":{"y":1}}}`:      "an object is not a value",
		`{"key":"a","attributes":{"x":[["a"]]}}`:      "a list in a list",
		`{"key":"a","prices":[{"amount":1.5e300}]}`:   "not a decimal",
		`{"key":"a","prices":[{"amount":{"n":"1"}}]}`: "not a decimal",
	} {
		var p Product
		if err := json.Unmarshal([]byte(text), &p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

func TestChangeAndResultSurviveTheWire(t *testing.T) {
	change := Change{
		Key: "a", ID: "e1", Op: Forward, Product: full(), Fields: []string{"name", "attributes.x"},
		Remote: Remote{ID: "77", Version: "v3"},
		Event: &Event{
			ID: "e1", Source: "crm", Op: Received, Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Hint: true,
			Fields: []string{"name"},
			Raw: &Raw{Method: "POST", Query: "a=b", ContentType: "text/plain",
				Headers: map[string]string{"X-A": "b"}, Body: []byte{0, 255}},
		},
	}
	got, err := decodeChange(encodeChange(&change))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(change, got, cmp.AllowUnexported(Value{})); diff != "" {
		t.Errorf("the wire changed it (-want +got):\n%s", diff)
	}
	after := full()
	result := Result{Key: "a", Remote: Remote{ID: "77"}, After: &after, Unchanged: true,
		Exchange: Exchange{Request: "POST /", Response: "ok", Status: 201}}
	back, err := decodeResult(encodeResult(&result))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(result, back, cmp.AllowUnexported(Value{})); diff != "" {
		t.Errorf("the wire changed it (-want +got):\n%s", diff)
	}
}

func TestErrorKeepsItsKindAcrossTheWire(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		err  error
		want Error
		text string
	}{
		{boom, Error{}, "boom"},
		{Retry(time.Minute, boom), Error{After: time.Minute}, "boom"},
		{Throttle(time.Second, boom), Error{Kind: Throttled, After: time.Second}, "boom"},
		{Reject("prices", boom), Error{Kind: Rejected, Field: "prices"}, "prices: boom"},
		{Changed(boom), Error{Kind: Conflict}, "boom"},
		{Missing(boom), Error{Kind: Gone}, "boom"},
		{Deny(boom), Error{Kind: Denied}, "boom"},
		{fmt.Errorf("shop: %w", Reject("prices", boom)), Error{Kind: Rejected, Field: "prices"}, "prices: shop: boom"},
		{errors.Join(boom, Deny(boom)), Error{Kind: Denied}, "boom\nboom"},
		{&Error{Kind: Gone}, Error{Kind: Gone}, "gone"},
		{Throttle(-time.Second, boom), Error{Kind: Throttled}, "boom"},
		{errors.New(""), Error{}, "temporary, without a word why"},
		{errors.New("bad \xff byte"), Error{}, "bad \uFFFD byte"},
	} {
		got := decodeFailure(encodeFailure(c.err))
		var e *Error
		if !errors.As(got, &e) {
			t.Errorf("%v came back as %T", c.err, got)
			continue
		}
		if e.Kind != c.want.Kind || e.After != c.want.After || e.Field != c.want.Field || e.Error() != c.text {
			t.Errorf("%v came back as %v after %v field %q: %q, want %q", c.err, e.Kind, e.After, e.Field, e, c.text)
		}
	}
	if err := decodeFailure(encodeFailure(nil)); err != nil {
		t.Errorf("no error came back as %v", err)
	}
}

func TestUnknownErrorKindIsTemporary(t *testing.T) {
	if kind := KindOf(decodeFailure(&pb.Failure{Kind: 99, Message: "from the future"})); kind != Temporary {
		t.Errorf("kind %v", kind)
	}
}

func FuzzProductFromTheWire(f *testing.F) {
	data, err := full().MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Product
		if p.UnmarshalBinary(data) != nil {
			return
		}
		again, err := p.MarshalBinary()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		var q Product
		if err := q.UnmarshalBinary(again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if paths := Diff(&p, &q); paths != nil || p.Key != q.Key {
			t.Fatalf("a round trip changed %v", paths)
		}
	})
}

func FuzzProductJSON(f *testing.F) {
	data, err := json.Marshal(full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"key":"a","attributes":{"n":-007.10,"l":[1,"b",null]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Product
		if json.Unmarshal(data, &p) != nil {
			return
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		var q Product
		if err := json.Unmarshal(text, &q); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		wire, err := p.MarshalBinary()
		if err != nil {
			t.Fatalf("what was read cannot be sent: %v", err)
		}
		var r Product
		if err := r.UnmarshalBinary(wire); err != nil {
			t.Fatalf("what was sent cannot be read: %v", err)
		}
		if a, b := Diff(&p, &q), Diff(&p, &r); a != nil || b != nil {
			t.Fatalf("JSON changed %v, the wire %v", a, b)
		}
	})
}

func FuzzChangeFromTheWire(f *testing.F) {
	data, err := proto.Marshal(encodeChange(&Change{Key: "a", Op: Upsert, Product: full(), Event: &Event{Raw: &Raw{}}}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var change pb.Change
		if proto.Unmarshal(data, &change) == nil {
			if first, err := decodeChange(&change); err == nil {
				second, err := decodeChange(encodeChange(&first))
				if diff := cmp.Diff(first, second, cmpopts.EquateEmpty()); err != nil || diff != "" {
					t.Fatalf("a change differs after a round trip (%v): %s", err, diff)
				}
			}
		}
		var result pb.Result
		if proto.Unmarshal(data, &result) == nil {
			if first, err := decodeResult(&result); err == nil {
				second, err := decodeResult(encodeResult(&first))
				if err != nil || KindOf(first.Err) != KindOf(second.Err) || first.Key != second.Key || first.Remote != second.Remote ||
					first.Unchanged != second.Unchanged || (first.After == nil) != (second.After == nil) {
					t.Fatalf("%+v is %+v after a round trip (%v)", first, second, err)
				}
			}
		}
		var failure pb.Failure
		if proto.Unmarshal(data, &failure) == nil && decodeFailure(&failure) == nil {
			t.Fatal("a failure came back as no error")
		}
	})
}

func BenchmarkProductWire(b *testing.B) {
	p := full()
	var buffer []byte
	for b.Loop() {
		buffer, _ = p.AppendBinary(buffer[:0])
		var q Product
		if err := q.UnmarshalBinary(buffer); err != nil {
			b.Fatal(err)
		}
	}
}
