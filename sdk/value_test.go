package sdk

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
)

func TestParseDecimal(t *testing.T) {
	for text, ok := range map[string]bool{
		"": true, "0": true, "-0": true, "12.50": true, "-3": true, "0.001": true, "007": true,
		strings.Repeat("9", 64): true, strings.Repeat("9", 65): false,
		"-": false, ".5": false, "5.": false, "1.2.3": false, "1e5": false, "1,5": false, "+1": false,
		" 1": false, "1-": false, "--1": false, "-.5": false, "٣": false, "NaN": false, "0x1": false,
	} {
		got, err := ParseDecimal(text)
		if (err == nil) != ok || ok && string(got) != text {
			t.Errorf("ParseDecimal(%q) = %q, %v", text, got, err)
		}
	}
}

func TestDecimalEqual(t *testing.T) {
	for _, c := range []struct {
		a, b Decimal
		want bool
	}{
		{"1.50", "1.5", true}, {"1", "1.000", true}, {"007", "7", true}, {"-0", "0.0", true}, {"0", "00", true},
		{"", "", true}, {"", "0", false}, {"1", "-1", false}, {"10", "1", false}, {"1.05", "1.5", false},
	} {
		if c.a.Equal(c.b) != c.want || c.b.Equal(c.a) != c.want {
			t.Errorf("%q and %q: want %v", c.a, c.b, c.want)
		}
	}
}

func TestValueJSON(t *testing.T) {
	for text, want := range map[string]Value{
		`"a"`: String("a"), `1.50`: Number("1.50"), `true`: Bool(true), `false`: Bool(false),
		`null`: {}, `[]`: List(), `["a",1,false,null]`: List(String("a"), Number("1"), Bool(false), Value{}),
	} {
		var got Value
		if err := json.Unmarshal([]byte(text), &got); err != nil || !got.Equal(want) || got.Kind() != want.Kind() {
			t.Errorf("%s gave %v (%v), %v", text, got, got.Kind(), err)
		}
		if back, err := json.Marshal(want); err != nil || string(back) != text {
			t.Errorf("%v is written %s, %v", want, back, err)
		}
	}
	for d, want := range map[Decimal]string{"007": "7", "-00.5": "-0.5", "0": "0", "": "null", "x": "null"} {
		if got, err := json.Marshal(Number(d)); err != nil || string(got) != want {
			t.Errorf("Number(%q) is written %s, %v; want %s", d, got, err, want)
		}
	}
	var v Value
	if err := v.UnmarshalJSON(nil); err == nil {
		t.Error("no JSON at all is taken for a value")
	}
}

func TestValueText(t *testing.T) {
	v := List(String("a"), Number("1.0"), Bool(true), Bool(false))
	if v.Text() != "a, 1.0, true, false" || v.String() != v.Text() {
		t.Errorf("text %q", v.Text())
	}
	if String("1").Decimal() != "" || Number("1").Decimal() != "1" || !Bool(true).IsTrue() || String("true").IsTrue() {
		t.Error("a value answers for another kind")
	}
	if String("1").Equal(Number("1")) || Bool(false).Equal(Value{}) || !Number("1.0").Equal(Number("1")) {
		t.Error("values of different kinds are equal, or equal numbers are not")
	}
}

func FuzzDecimal(f *testing.F) {
	for _, text := range []string{"12.50", "-0", "", "1e5", "00.10"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDecimal(text)
		if err != nil || d == "" {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if !ok || d.Rat().Cmp(want) != 0 {
			t.Fatalf("%q is a Decimal but no number", text)
		}
		short := Decimal(d.canonical())
		if !d.Equal(short) || short.Rat().Cmp(want) != 0 {
			t.Fatalf("%q and its shortest text %q differ", d, short)
		}
		var back Value
		data, err := json.Marshal(Number(d))
		if err != nil || json.Unmarshal(data, &back) != nil || !back.Equal(Number(d)) {
			t.Fatalf("%q is written %s", d, data)
		}
	})
}
