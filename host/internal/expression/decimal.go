package expression

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// Decimal is a number in an expression. Arithmetic with it is exact: a third
// stays a third until it is rounded, which must happen before it is written.
// The zero Decimal is no number. A Decimal is a value; share it freely.
type Decimal struct {
	text sdk.Decimal // as it was written or rounded, so that 12.50 stays 12.50; empty: computed
	rat  *big.Rat    // of a computed one; never changed
}

// maxBits bounds what a number may grow to, far beyond what can be written.
const maxBits = 4096

var errGrown = fmt.Errorf("the number grows beyond %d bits", maxBits)

func parseDecimal(text string) (Decimal, error) {
	d, err := sdk.ParseDecimal(text)
	if d == "" && err == nil {
		err = errors.New("an empty text is not a number")
	}
	return Decimal{text: d}, err
}

// Rat is the exact value; nil for the zero Decimal. It must not be changed.
func (d Decimal) Rat() *big.Rat {
	if d.rat != nil {
		return d.rat
	}
	return d.text.Rat()
}

// Text is the number in digits, or an error where they have no end or are too many.
func (d Decimal) Text() (sdk.Decimal, error) {
	if d.rat == nil {
		return d.text, nil
	}
	digits, exact := d.rat.FloatPrec()
	if !exact {
		return "", errors.New("the number has digits without end: round it, as in round(x, 2)")
	}
	text, err := sdk.ParseDecimal(d.rat.FloatString(digits))
	if err != nil {
		return "", errors.New("the number has more digits than can be written: round it, as in round(x, 2)")
	}
	return text, nil
}

// calculate is a op b.
func calculate(op string, a, b *big.Rat) (Decimal, error) {
	r := new(big.Rat)
	if (op == "/" || op == "%") && b.Sign() == 0 {
		return Decimal{}, errors.New("division by zero")
	}
	switch op {
	case "+":
		r.Add(a, b)
	case "-":
		r.Sub(a, b)
	case "*":
		r.Mul(a, b)
	case "/":
		r.Quo(a, b)
	case "%": // what is left of a; it has a's sign
		r.Quo(a, b)
		times := new(big.Rat).SetInt(new(big.Int).Quo(r.Num(), r.Denom()))
		r.Sub(a, times.Mul(times, b))
	}
	if r.Num().BitLen() > maxBits || r.Denom().BitLen() > maxBits {
		return Decimal{}, errGrown
	}
	return Decimal{rat: r}, nil
}

// maxDigits is the most digits to round to, on either side of the point.
const maxDigits = 20

// round is r with so many digits after the point, halves away from zero as
// shops do. With -3 digits it is in thousands.
func round(r *big.Rat, digits int) (Decimal, error) {
	if digits < -maxDigits || digits > maxDigits {
		return Decimal{}, fmt.Errorf("can round to between %d and %d digits, not to %d", -maxDigits, maxDigits, digits)
	}
	text := ""
	if digits >= 0 {
		text = r.FloatString(digits)
	} else {
		unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-digits)), nil))
		text = new(big.Rat).Quo(r, unit).FloatString(0) + strings.Repeat("0", -digits)
	}
	d, err := sdk.ParseDecimal(withoutZeros(text))
	if err != nil {
		return Decimal{}, errors.New("the number has more digits than can be written")
	}
	return Decimal{text: d}, nil
}

// withoutZeros leaves out zeros in front, and the sign of a zero.
func withoutZeros(text string) string {
	digits, negative := strings.CutPrefix(text, "-")
	if strings.Trim(digits, "0.") == "" {
		negative = false
	}
	for len(digits) > 1 && digits[0] == '0' && digits[1] != '.' {
		digits = digits[1:]
	}
	if negative {
		return "-" + digits
	}
	return digits
}
