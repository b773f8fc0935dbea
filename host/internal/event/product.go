package event

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// Bounds of what one product may hold, far beyond what platforms take.
const (
	maxList     = 1_000 // entries of a list
	maxVariants = 2_000
)

// member reads the value of one JSON member into v.
type member[T any] func(d *decoder, v *T) error

// productFields are the members of a product but for key and attributes, each
// named by its field path.
var productFields = map[string]member[sdk.Product]{
	"code":        text(func(p *sdk.Product) *string { return &p.Code }),
	"name":        text(func(p *sdk.Product) *string { return &p.Name }),
	"description": text(func(p *sdk.Product) *string { return &p.Description }),
	"status":      func(d *decoder, p *sdk.Product) error { return d.status(&p.Status) },
	"brand":       text(func(p *sdk.Product) *string { return &p.Brand }),
	"unit":        text(func(p *sdk.Product) *string { return &p.Unit }),
	"barcode":     text(func(p *sdk.Product) *string { return &p.Barcode }),
	"tax_code":    text(func(p *sdk.Product) *string { return &p.TaxCode }),
	"prices":      list(func(p *sdk.Product) *[]sdk.Price { return &p.Prices }, maxList, (*decoder).price),
	"stock":       list(func(p *sdk.Product) *[]sdk.Stock { return &p.Stock }, maxList, (*decoder).stock),
	"categories":  list(func(p *sdk.Product) *[]string { return &p.Categories }, maxList, (*decoder).entry),
	"tags":        list(func(p *sdk.Product) *[]string { return &p.Tags }, maxList, (*decoder).entry),
	"media":       list(func(p *sdk.Product) *[]sdk.Media { return &p.Media }, maxList, (*decoder).media),
	"weight":      pointer(func(p *sdk.Product) **sdk.Weight { return &p.Weight }, (*decoder).weight),
	"size":        pointer(func(p *sdk.Product) **sdk.Size { return &p.Size }, (*decoder).size),
	"variants":    list(func(p *sdk.Product) *[]sdk.Variant { return &p.Variants }, maxVariants, (*decoder).variant),
}

var priceFields = map[string]member[sdk.Price]{
	"amount":       decimal(func(p *sdk.Price) *sdk.Decimal { return &p.Amount }),
	"currency":     text(func(p *sdk.Price) *string { return &p.Currency }),
	"list":         text(func(p *sdk.Price) *string { return &p.List }),
	"tax_included": func(d *decoder, p *sdk.Price) error { return d.bool(&p.TaxIncluded) },
	"compare_at":   decimal(func(p *sdk.Price) *sdk.Decimal { return &p.CompareAt }),
}

var stockFields = map[string]member[sdk.Stock]{
	"location": text(func(s *sdk.Stock) *string { return &s.Location }),
	"quantity": decimal(func(s *sdk.Stock) *sdk.Decimal { return &s.Quantity }),
}

var mediaFields = map[string]member[sdk.Media]{
	"url":    text(func(m *sdk.Media) *string { return &m.URL }),
	"alt":    text(func(m *sdk.Media) *string { return &m.Alt }),
	"digest": text(func(m *sdk.Media) *string { return &m.Digest }),
}

var weightFields = map[string]member[sdk.Weight]{
	"value": decimal(func(w *sdk.Weight) *sdk.Decimal { return &w.Value }),
	"unit":  text(func(w *sdk.Weight) *string { return &w.Unit }),
}

var sizeFields = map[string]member[sdk.Size]{
	"length": decimal(func(s *sdk.Size) *sdk.Decimal { return &s.Length }),
	"width":  decimal(func(s *sdk.Size) *sdk.Decimal { return &s.Width }),
	"height": decimal(func(s *sdk.Size) *sdk.Decimal { return &s.Height }),
	"unit":   text(func(s *sdk.Size) *string { return &s.Unit }),
}

var variantFields = map[string]member[sdk.Variant]{
	"key":     text(func(v *sdk.Variant) *string { return &v.Key }),
	"code":    text(func(v *sdk.Variant) *string { return &v.Code }),
	"options": list(func(v *sdk.Variant) *[]sdk.VariantOption { return &v.Options }, maxList, (*decoder).option),
	"barcode": text(func(v *sdk.Variant) *string { return &v.Barcode }),
	"prices":  list(func(v *sdk.Variant) *[]sdk.Price { return &v.Prices }, maxList, (*decoder).price),
	"stock":   list(func(v *sdk.Variant) *[]sdk.Stock { return &v.Stock }, maxList, (*decoder).stock),
	"media":   list(func(v *sdk.Variant) *[]sdk.Media { return &v.Media }, maxList, (*decoder).media),
	"weight":  pointer(func(v *sdk.Variant) **sdk.Weight { return &v.Weight }, (*decoder).weight),
}

var optionFields = map[string]member[sdk.VariantOption]{
	"name":  text(func(o *sdk.VariantOption) *string { return &o.Name }),
	"value": text(func(o *sdk.VariantOption) *string { return &o.Value }),
}

func nameList[T any](members map[string]T) []string { return slices.Sorted(maps.Keys(members)) }

// field reads one member of a product, and notes that the patch speaks of it.
func (d *decoder) field(name string, p *Patch) error {
	switch name {
	case "key":
		return d.key(&p.Product.Key)
	case "attributes":
		return d.attributes(p)
	}
	read, ok := productFields[name]
	if !ok {
		return fmt.Errorf("%q is not a field of a product%s", name, didYouMean(name, append(nameList(productFields), "key", "attributes")))
	}
	if p.Fields == nil {
		p.Fields = make([]string, 0, 8)
	}
	p.Fields = append(p.Fields, name)
	if d.null() {
		return nil // cleared
	}
	return read(d, &p.Product)
}

// attributes merge by name; null as a whole clears all.
func (d *decoder) attributes(p *Patch) error {
	if d.null() {
		p.Fields = append(p.Fields, "attributes.*")
		return nil
	}
	p.Product.Attributes = map[string]sdk.Value{}
	return d.members(func(name string) error {
		switch {
		case CheckKey(name) != nil:
			return fmt.Errorf("the name of an attribute %w", CheckKey(name))
		case name == "*":
			return errors.New(`"*" is not a name for an attribute: it stands for all of them`)
		case len(p.Product.Attributes) == maxList:
			return fmt.Errorf("more than %d attributes are not taken", maxList)
		}
		p.Fields = append(p.Fields, d.attributePath(name))
		if d.null() {
			return nil // cleared
		}
		value, err := d.value(true)
		p.Product.Attributes[name] = value
		return err
	})
}

// value reads the value of an attribute.
func (d *decoder) value(lists bool) (sdk.Value, error) {
	switch kind := d.json.PeekKind(); {
	case kind == '"':
		text, err := d.text()
		return sdk.String(text), err
	case kind == '0':
		number, err := d.decimal()
		return sdk.Number(number), err
	case kind == 't', kind == 'f':
		var truth bool
		err := d.bool(&truth)
		return sdk.Bool(truth), err
	case kind == '[' && lists:
		var items []sdk.Value
		err := readList(d, &items, maxList, func(d *decoder, v *sdk.Value) (err error) {
			*v, err = d.value(false)
			return err
		})
		return sdk.List(items...), err
	}
	return sdk.Value{}, d.mismatch("a text, a number, true, false or a list of these")
}

func text[T any](of func(*T) *string) member[T] {
	return func(d *decoder, v *T) (err error) {
		*of(v), err = d.text()
		return err
	}
}

func decimal[T any](of func(*T) *sdk.Decimal) member[T] {
	return func(d *decoder, v *T) (err error) {
		*of(v), err = d.decimal()
		return err
	}
}

func pointer[T, E any](of func(*T) **E, read member[E]) member[T] {
	return func(d *decoder, v *T) error {
		*of(v) = new(E)
		return read(d, *of(v))
	}
}

func list[T, E any](of func(*T) *[]E, most int, read member[E]) member[T] {
	return func(d *decoder, v *T) error { return readList(d, of(v), most, read) }
}

// readList reads a list of up to most entries; an empty one leaves to nil.
func readList[E any](d *decoder, to *[]E, most int, read member[E]) error {
	if err := d.open('[', "a list"); err != nil {
		return err
	}
	for d.json.PeekKind() != ']' {
		if len(*to) == most {
			return fmt.Errorf("a list of more than %d entries is not taken", most)
		}
		*to = append(*to, *new(E))
		if err := read(d, &(*to)[len(*to)-1]); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// object reads the members of a part of a product. Here null is the same as
// absent: parts are replaced, not merged.
func object[T any](d *decoder, v *T, members map[string]member[T]) error {
	return d.members(func(name string) error {
		read, ok := members[name]
		if !ok {
			return fmt.Errorf("%q is not known here%s", name, didYouMean(name, nameList(members)))
		}
		if d.null() {
			return nil
		}
		return read(d, v)
	})
}

// decimal reads a number, or a text that holds one; its digits are kept.
func (d *decoder) decimal() (sdk.Decimal, error) {
	raw, err := d.json.ReadValue()
	if err != nil {
		return "", err
	}
	switch raw.Kind() {
	case '0':
		return sdk.ParseDecimal(string(raw))
	case '"':
		return sdk.ParseDecimal(unquote(raw))
	}
	return "", fmt.Errorf("want a decimal such as 12.50, not %s", kindName(raw.Kind()))
}

func (d *decoder) status(to *sdk.Status) error {
	text, err := d.text()
	if err != nil {
		return err
	}
	switch *to = sdk.Status(text); *to {
	case "", sdk.Active, sdk.Draft, sdk.Archived:
		return nil
	}
	return fmt.Errorf("%q is not a status: want active, draft or archived", text)
}

// entry reads a category or tag.
func (d *decoder) entry(to *string) (err error) {
	if *to, err = d.text(); err == nil && *to == "" {
		err = errors.New("must not be empty")
	}
	return err
}

func (d *decoder) price(p *sdk.Price) error {
	if err := object(d, p, priceFields); err != nil {
		return err
	}
	if p.Amount == "" {
		return errors.New("a price needs an amount")
	}
	if len(p.Currency) != 3 || strings.Trim(p.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return fmt.Errorf("%q is not a currency: want the three letters of ISO 4217, such as EUR", p.Currency)
	}
	return nil
}

func (d *decoder) stock(s *sdk.Stock) error {
	if err := object(d, s, stockFields); err != nil {
		return err
	}
	if s.Quantity == "" {
		return errors.New("a stock needs a quantity")
	}
	return nil
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (d *decoder) media(m *sdk.Media) error {
	if err := object(d, m, mediaFields); err != nil {
		return err
	}
	if m.URL == "" {
		return errors.New("a medium needs a url")
	}
	if m.Digest != "" && !digestForm.MatchString(m.Digest) {
		return errors.New(`a digest is "sha256:" and 64 lower-case hex digits`)
	}
	return nil
}

func (d *decoder) weight(w *sdk.Weight) error {
	if err := object(d, w, weightFields); err != nil {
		return err
	}
	if w.Value == "" {
		return errors.New("a weight needs a value")
	}
	return oneOf(w.Unit, "g", "kg", "oz", "lb")
}

func (d *decoder) size(s *sdk.Size) error {
	if err := object(d, s, sizeFields); err != nil {
		return err
	}
	return oneOf(s.Unit, "mm", "cm", "m", "in")
}

func oneOf(unit string, units ...string) error {
	if slices.Contains(units, unit) {
		return nil
	}
	return fmt.Errorf("%q is not a unit here: want one of %s", unit, strings.Join(units, ", "))
}

func (d *decoder) variant(v *sdk.Variant) error {
	if err := object(d, v, variantFields); err != nil {
		return err
	}
	if v.Key == "" && v.Code == "" {
		return errors.New("a variant needs a key or a code")
	}
	return nil
}

func (d *decoder) option(o *sdk.VariantOption) error {
	if err := object(d, o, optionFields); err != nil {
		return err
	}
	if o.Name == "" {
		return errors.New("an option needs a name")
	}
	return nil
}

// didYouMean is `: did you mean "…"?` with the nearest of names, if one is near.
func didYouMean(name string, names []string) string {
	if near := sdk.Nearest(name, names); near != "" {
		return fmt.Sprintf(": did you mean %q?", near)
	}
	return ""
}
