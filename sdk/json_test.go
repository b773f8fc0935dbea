package sdk

import (
	"bytes"
	"encoding/json"
	"testing"
)

// reference is the JSON that encoding/json makes of the structs themselves.
func reference(t testing.TB, p Product) string {
	t.Helper()
	type plain Product // without the methods
	whole := struct {
		plain
		Attributes map[string]any `json:"attributes,omitempty"`
	}{plain(p), make(map[string]any, len(p.Attributes))}
	for name, value := range p.Attributes {
		whole.Attributes[name] = plainly(value)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(whole); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
}

func plainly(v Value) any {
	switch v.Kind() {
	case StringValue:
		return v.Text()
	case NumberValue:
		return json.Number(v.Text())
	case BoolValue:
		return v.IsTrue()
	case ListValue:
		items := []any{}
		for _, item := range v.Items() {
			items = append(items, plainly(item))
		}
		return items
	}
	return nil
}

func FuzzProductIsWrittenAsEncodingJSONDoes(f *testing.F) {
	f.Add("Shirt", "12.50", ^uint32(0))
	f.Add("<a href=\"x\">\t\u2028\x00 کیف \xff \uFFFD & \\", "-3", ^uint32(0))
	f.Add("", "0.5", uint32(0))
	f.Fuzz(func(t *testing.T, text, digits string, filled uint32) {
		if _, err := ParseDecimal(digits); err != nil || !json.Valid([]byte(digits)) {
			digits = "7" // others are spelt anew, see TestValueJSON
		}
		p := full()
		p.Key, p.Code, p.Description = text, text, "<p>"+text+"</p>"
		p.Tags = []string{text, text}
		p.Prices[0].CompareAt, p.Variants[0].Options[0].Name = Decimal(digits), text
		p.Attributes[text] = String(text)
		p.Attributes["number"] = List(Number(Decimal(digits)), String(text))
		for i, leaveOut := range []func(){
			func() { p.Code = "" },
			func() { p.Description, p.Brand, p.Unit = "", "", "" },
			func() { p.Prices = []Price{{}} },
			func() { p.Prices = []Price{} },
			func() { p.Stock = []Stock{{}} },
			func() { p.Tags = nil },
			func() { p.Media = []Media{{}, {Digest: text}} },
			func() { p.Weight = &Weight{} },
			func() { p.Weight = nil },
			func() { p.Size = &Size{} },
			func() { p.Size = nil },
			func() { p.Variants[0].Weight, p.Variants[0].Options, p.Variants[0].Key = nil, nil, "" },
			func() { p.Variants = []Variant{{}} },
			func() { p.Attributes["none"] = List() },
			func() { p.Attributes = nil },
			func() { p = Product{Attributes: map[string]Value{}} },
		} {
			if filled&(1<<i) == 0 {
				leaveOut()
			}
		}
		want := reference(t, p)
		if got := string(p.AppendJSON([]byte("x"))); got != "x"+want {
			t.Errorf("got  %s\nwant x%s", got, want)
		}
		escaped, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var safe bytes.Buffer
		json.HTMLEscape(&safe, []byte(want))
		if string(escaped) != safe.String() {
			t.Errorf("json.Marshal gives %s\nwant %s", escaped, safe.Bytes())
		}
	})
}

func BenchmarkProductJSON(b *testing.B) {
	p := full()
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = p.AppendJSON(out[:0])
	}
}
