package main

import (
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
)

func TestNumbers(t *testing.T) {
	point, comma := numbers{'.', ""}, numbers{',', ""}
	german, english, french := numbers{',', "."}, numbers{'.', ","}, numbers{',', " "}
	for _, one := range []struct {
		n    numbers
		text string
		want sdk.Decimal // empty: refused
	}{
		{point, "12.50", "12.50"},
		{point, " 12 ", "12"},
		{point, "-3", "-3"},
		{point, "−3", "-3"},
		{point, "+3", "3"},
		{point, "007.50", "7.50"},
		{point, "0", "0"},
		{point, "000", "0"},
		{point, ".5", "0.5"},
		{point, "۱۲۳۴٫۵", "1234.5"},
		{point, "۱٬۲۳۴٬۵۶۷", "1234567"},
		{point, "٠١٢٣٤٥٦٧٨٩", "123456789"},
		{point, "\u200f۱۲\u200e", "12"},
		{point, "12,50", ""},
		{point, "1,234", ""},
		{point, "5.", ""},
		{point, ".", ""},
		{point, "", ""},
		{point, "-", ""},
		{point, "--3", ""},
		{point, "1e3", ""},
		{point, "12 EUR", ""},
		{point, "1.2.3", ""},
		{point, strings.Repeat("9", 65), ""},
		{comma, "12,50", "12.50"},
		{comma, "12.50", ""},
		{comma, "۱۲,۵", "12.5"},
		{german, "1.234,50", "1234.50"},
		{german, "1.234.567", "1234567"},
		{german, "1.50", ""},    // not 150
		{german, "12.3456", ""}, // not 123456
		{german, "1.234.5", ""}, //
		{german, ".234", ""},    //
		{german, "1,234.5", ""}, // a separator in the fraction
		{german, "1234,5", "1234.5"},
		{german, "1234.567", ""}, // four digits before a separator
		{english, "1,234.50", "1234.50"},
		{english, "1,50", ""},
		{english, "1,234٬567", ""}, // one separator, not two
		{french, "1 234,5", "1234.5"},
		{french, "1\u00a0234,5", "1234.5"},
		{french, "1\u202f234\u202f567", "1234567"},
		{numbers{'.', "'"}, "1’234.5", "1234.5"},
	} {
		got, err := one.n.parse(one.text)
		if got != one.want || (err != nil) != (one.want == "") {
			t.Errorf("%q with %q and %q: %q, %v; want %q", one.text, one.n.decimal, one.n.thousands, got, err, one.want)
		}
	}
}

func TestNumbersOfWorkbooks(t *testing.T) {
	for _, one := range []struct {
		n    numbers
		text string
		want sdk.Decimal
	}{
		{numbers{'.', ""}, "19.989999999999998", "19.99"},
		{numbers{'.', ""}, "1E-3", "0.001"},
		{numbers{'.', ""}, "1.5E+3", "1500"},
		{numbers{',', ""}, "12.5", "12.5"}, // a number
		{numbers{',', ""}, "12,5", "12.5"}, // a text
		{numbers{',', "."}, "1234.5", "1234.5"},
		{numbers{',', "."}, "1.234,5", "1234.5"},
		{numbers{',', "."}, "1.234", ""}, // 1.234 or 1234: nobody can tell
		{numbers{'.', ""}, "۱۲٫۵", "12.5"},
		{numbers{'.', ""}, "many", ""},
		{numbers{'.', ""}, "123456789012345678", "123456789012345678"},
	} {
		got, err := one.n.parseStored(one.text)
		if got != one.want || (err != nil) != (one.want == "") {
			t.Errorf("%q with %q and %q: %q, %v; want %q", one.text, one.n.decimal, one.n.thousands, got, err, one.want)
		}
	}
}

// What is read as a number is one, and means the same when it is written and read
// again.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"12.50", "1.234,5", "۱٬۲۳۴٫۵", "-0", "1 234", "1e9", "+7", "−٣"} {
		f.Add(text, false)
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, german bool) {
		n := numbers{'.', ","}
		if german {
			n = numbers{',', ". "}
		}
		d, err := n.parse(text)
		if err != nil {
			if d != "" {
				t.Fatalf("%q: %q and %v", text, d, err)
			}
			return
		}
		if d.Rat() == nil {
			t.Fatalf("%q gave %q, which is no number", text, d)
		}
		if again, err := n.parse(n.cell(d, "").text); err != nil || again != d {
			t.Fatalf("%q gave %q, which gave %q, %v", text, d, again, err)
		}
	})
}
