package expression

import (
	"math/big"
	"testing"

	"github.com/synchost/synchost/sdk"
)

func TestRound(t *testing.T) {
	for _, c := range []struct {
		number string
		digits int
		want   sdk.Decimal
	}{
		{"1.005", 2, "1.01"}, {"-1.005", 2, "-1.01"}, {"1.0049", 2, "1.00"}, {"12.5", 2, "12.50"}, {"2.5", 0, "3"}, {"-0.4", 0, "0"},
		{"12345", -3, "12000"}, {"12500", -3, "13000"}, {"-499", -3, "0"}, {"1/3", 5, "0.33333"}, {"0", 2, "0.00"},
	} {
		r, _ := new(big.Rat).SetString(c.number)
		if got, err := round(r, c.digits); err != nil || got.text != c.want {
			t.Errorf("round(%s, %d) = %q, %v; want %q", c.number, c.digits, got.text, err, c.want)
		}
	}
}

// Every operation gives exactly what rational numbers give.
func FuzzArithmetic(f *testing.F) {
	f.Add("12.50", "0.3", 2)
	f.Add("-3", "8", 0)
	f.Add("99999999999999999999.99", "-0.000001", -4)
	f.Add("1", "0", 20)
	fields := map[string]Fields{}
	for name, text := range map[string]string{"+": "a + b", "-": "a - b", "*": "a * b", "/": "a / b * b / b", "negative": "-a",
		"sum": "sum([a, b])", "max": "max(a, b)", "round": "round(a, n)", "div": "div(a, b, n)", "<": "a < b", "==": "a == b"} {
		text = "let a = product.attributes.a; let b = product.attributes.b; let n = len(event.fields) - 20; " + text
		field, err := CompileField("attributes.x", text, OfProduct)
		if err != nil {
			f.Fatal(err)
		}
		fields[name] = Fields{field}
	}
	f.Fuzz(func(t *testing.T, left, right string, digits int) {
		da, errA := sdk.ParseDecimal(left)
		db, errB := sdk.ParseDecimal(right)
		if errA != nil || errB != nil || da == "" || db == "" || digits < -20 || digits > 20 {
			t.Skip()
		}
		a, b := da.Rat(), db.Rat()
		product := sdk.Product{Attributes: map[string]sdk.Value{"a": sdk.Number(da), "b": sdk.Number(db)}}
		e := sdk.Event{Fields: make([]string, digits+20)}
		for name, field := range fields {
			out, err := field.Patch(Product(&product, &e, field.Needs()), Clear)
			got := out.Product.Attributes["x"]
			if want, ok := exactly(name, a, b, digits); err != nil {
				if ok {
					t.Errorf("%s of %s and %s: %v; want %s", name, left, right, err, want)
				}
			} else if !ok || !got.Equal(want) {
				t.Errorf("%s of %s and %s, %d digits = %s; want %s, %t", name, left, right, digits, got, want, ok)
			}
		}
	})
}

// exactly is what an operation must give, unless it cannot be written.
func exactly(name string, a, b *big.Rat, digits int) (sdk.Value, bool) {
	r := new(big.Rat)
	if (name == "/" || name == "div") && b.Sign() == 0 {
		return sdk.Value{}, false
	}
	switch name {
	case "<":
		return sdk.Bool(a.Cmp(b) < 0), true
	case "==":
		return sdk.Bool(a.Cmp(b) == 0), true
	case "+", "sum":
		r.Add(a, b)
	case "-":
		r.Sub(a, b)
	case "*":
		r.Mul(a, b)
	case "/":
		r.Quo(a, b)
	case "negative":
		r.Neg(a)
	case "max":
		if r.Set(a); b.Cmp(a) > 0 {
			r.Set(b)
		}
	case "round":
		r = halfUp(a, digits)
	case "div":
		r = halfUp(new(big.Rat).Quo(a, b), digits)
	}
	places, exact := r.FloatPrec()
	if !exact {
		return sdk.Value{}, false
	}
	d, err := sdk.ParseDecimal(r.FloatString(places))
	return sdk.Number(d), err == nil
}

// halfUp rounds with whole numbers only: the sign apart, floor(2·x·10ⁿ + 1) / 2.
func halfUp(x *big.Rat, digits int) *big.Rat {
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(digits, -digits))), nil))
	if digits < 0 {
		unit.Inv(unit)
	}
	scaled := new(big.Rat).Mul(new(big.Rat).Abs(x), unit)
	twice := new(big.Int).Add(new(big.Int).Mul(scaled.Num(), big.NewInt(2)), scaled.Denom())
	units := new(big.Int).Quo(twice, new(big.Int).Mul(scaled.Denom(), big.NewInt(2)))
	if x.Sign() < 0 {
		units.Neg(units)
	}
	return new(big.Rat).Quo(new(big.Rat).SetInt(units), unit)
}
