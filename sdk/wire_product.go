package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	pb "github.com/synchost/synchost/sdk/proto"
	"google.golang.org/protobuf/proto"
)

// MarshalBinary gives the wire form: the message Product of connector.proto.
// Products that hold the same give the same bytes. Text that is not UTF-8 is
// repaired, but a Key that is not is an error, since repairing it would make
// two keys one.
func (p Product) MarshalBinary() ([]byte, error) { return p.AppendBinary(nil) }

// AppendBinary appends what MarshalBinary gives to b.
func (p Product) AppendBinary(b []byte) ([]byte, error) {
	if !utf8.ValidString(p.Key) {
		return nil, fmt.Errorf("the product key %q is not UTF-8", p.Key)
	}
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend(b, encodeProduct(&p))
}

// UnmarshalBinary reads what MarshalBinary wrote. Whatever p held is gone.
func (p *Product) UnmarshalBinary(data []byte) error {
	var m pb.Product
	if err := proto.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("not the wire form of a product: %w", err)
	}
	decoded, err := decodeProduct(&m)
	if err == nil {
		*p = decoded
	}
	return err
}

// UnmarshalJSON reads a product strictly: a key that no field has is an error.
// Fields that data does not name keep what they hold.
func (p *Product) UnmarshalJSON(data []byte) error {
	type plain Product // without this method
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode((*plain)(p))
}

// valid repairs text that is not UTF-8, which protobuf refuses. Nearly all text
// needs no repair, and to look is thirty times faster.
func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// convert makes a slice of another; nil and empty give nil.
func convert[A, B any](in []A, one func(*A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i := range in {
		out[i] = one(&in[i])
	}
	return out
}

func validAll(texts []string) []string {
	return convert(texts, func(t *string) string { return valid(*t) })
}

func encodeProduct(p *Product) *pb.Product {
	m := &pb.Product{
		Key:         valid(p.Key),
		Code:        valid(p.Code),
		Name:        valid(p.Name),
		Description: valid(p.Description),
		Status:      valid(string(p.Status)),
		Brand:       valid(p.Brand),
		Unit:        valid(p.Unit),
		Barcode:     valid(p.Barcode),
		TaxCode:     valid(p.TaxCode),
		Prices:      convert(p.Prices, encodePrice),
		Stock:       convert(p.Stock, encodeStock),
		Categories:  validAll(p.Categories),
		Tags:        validAll(p.Tags),
		Media:       convert(p.Media, encodeMedia),
		Weight:      encodeWeight(p.Weight),
		Variants:    convert(p.Variants, encodeVariant),
	}
	if s := p.Size; s != nil {
		m.Size = &pb.Size{
			Length: valid(string(s.Length)),
			Width:  valid(string(s.Width)),
			Height: valid(string(s.Height)),
			Unit:   valid(s.Unit),
		}
	}
	if len(p.Attributes) > 0 {
		m.Attributes = make(map[string]*pb.Value, len(p.Attributes))
		for name, value := range p.Attributes {
			m.Attributes[valid(name)] = encodeValue(&value)
		}
	}
	return m
}

func encodePrice(p *Price) *pb.Price {
	return &pb.Price{
		Amount:      valid(string(p.Amount)),
		Currency:    valid(p.Currency),
		List:        valid(p.List),
		TaxIncluded: p.TaxIncluded,
		CompareAt:   valid(string(p.CompareAt)),
	}
}

func encodeStock(s *Stock) *pb.Stock {
	return &pb.Stock{Location: valid(s.Location), Quantity: valid(string(s.Quantity))}
}

func encodeMedia(m *Media) *pb.Media {
	return &pb.Media{Url: valid(m.URL), Alt: valid(m.Alt), Digest: valid(m.Digest)}
}

func encodeWeight(w *Weight) *pb.Weight {
	if w == nil {
		return nil
	}
	return &pb.Weight{Value: valid(string(w.Value)), Unit: valid(w.Unit)}
}

func encodeVariant(v *Variant) *pb.Variant {
	return &pb.Variant{
		Key:     valid(v.Key),
		Code:    valid(v.Code),
		Barcode: valid(v.Barcode),
		Prices:  convert(v.Prices, encodePrice),
		Stock:   convert(v.Stock, encodeStock),
		Media:   convert(v.Media, encodeMedia),
		Weight:  encodeWeight(v.Weight),
		Options: convert(v.Options, func(o *VariantOption) *pb.VariantOption {
			return &pb.VariantOption{Name: valid(o.Name), Value: valid(o.Value)}
		}),
	}
}

func encodeValue(v *Value) *pb.Value {
	switch v.kind {
	case StringValue:
		return &pb.Value{Kind: &pb.Value_Text{Text: valid(v.text)}}
	case NumberValue:
		return &pb.Value{Kind: &pb.Value_Number{Number: valid(v.text)}}
	case BoolValue:
		return &pb.Value{Kind: &pb.Value_Truth{Truth: v.IsTrue()}}
	case ListValue:
		return &pb.Value{Kind: &pb.Value_List{List: &pb.ValueList{Values: convert(v.list, encodeValue)}}}
	}
	return &pb.Value{}
}

// productReader reads the parts of a product and keeps the first thing wrong.
type productReader struct{ err error }

func decodeProduct(m *pb.Product) (Product, error) {
	var r productReader
	p := Product{
		Key:         m.GetKey(),
		Code:        m.GetCode(),
		Name:        m.GetName(),
		Description: m.GetDescription(),
		Status:      Status(m.GetStatus()),
		Brand:       m.GetBrand(),
		Unit:        m.GetUnit(),
		Barcode:     m.GetBarcode(),
		TaxCode:     m.GetTaxCode(),
		Prices:      convert(m.GetPrices(), r.price),
		Stock:       convert(m.GetStock(), r.stock),
		Categories:  m.GetCategories(),
		Tags:        m.GetTags(),
		Media:       convert(m.GetMedia(), decodeMedia),
		Weight:      r.weight(m.GetWeight()),
		Size:        r.size(m.GetSize()),
		Variants:    convert(m.GetVariants(), r.variant),
	}
	if values := m.GetAttributes(); len(values) > 0 {
		p.Attributes = make(map[string]Value, len(values))
		for name, value := range values {
			p.Attributes[name] = r.value(&value)
		}
	}
	if r.err != nil {
		return Product{}, fmt.Errorf("product %q: %w", p.Key, r.err)
	}
	return p, nil
}

func (r *productReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *productReader) decimal(field, text string) Decimal {
	d, err := ParseDecimal(text)
	if err != nil {
		r.fail(fmt.Errorf("%s: %w", field, err))
	}
	return d
}

func (r *productReader) price(m **pb.Price) Price {
	return Price{
		Amount:      r.decimal("prices.amount", (*m).GetAmount()),
		Currency:    (*m).GetCurrency(),
		List:        (*m).GetList(),
		TaxIncluded: (*m).GetTaxIncluded(),
		CompareAt:   r.decimal("prices.compare_at", (*m).GetCompareAt()),
	}
}

func (r *productReader) stock(m **pb.Stock) Stock {
	return Stock{
		Location: (*m).GetLocation(),
		Quantity: r.decimal("stock.quantity", (*m).GetQuantity()),
	}
}

func decodeMedia(m **pb.Media) Media {
	return Media{URL: (*m).GetUrl(), Alt: (*m).GetAlt(), Digest: (*m).GetDigest()}
}

func (r *productReader) weight(m *pb.Weight) *Weight {
	if m == nil {
		return nil
	}
	return &Weight{Value: r.decimal("weight.value", m.GetValue()), Unit: m.GetUnit()}
}

func (r *productReader) size(m *pb.Size) *Size {
	if m == nil {
		return nil
	}
	return &Size{
		Length: r.decimal("size.length", m.GetLength()),
		Width:  r.decimal("size.width", m.GetWidth()),
		Height: r.decimal("size.height", m.GetHeight()),
		Unit:   m.GetUnit(),
	}
}

func (r *productReader) variant(m **pb.Variant) Variant {
	return Variant{
		Key:     (*m).GetKey(),
		Code:    (*m).GetCode(),
		Barcode: (*m).GetBarcode(),
		Prices:  convert((*m).GetPrices(), r.price),
		Stock:   convert((*m).GetStock(), r.stock),
		Media:   convert((*m).GetMedia(), decodeMedia),
		Weight:  r.weight((*m).GetWeight()),
		Options: convert((*m).GetOptions(), func(o **pb.VariantOption) VariantOption {
			return VariantOption{Name: (*o).GetName(), Value: (*o).GetValue()}
		}),
	}
}

func (r *productReader) value(m **pb.Value) Value {
	switch kind := (*m).GetKind().(type) {
	case *pb.Value_Text:
		return String(kind.Text)
	case *pb.Value_Number:
		d := r.decimal("attributes", kind.Number)
		if d == "" {
			r.fail(errors.New("attributes: a number without digits"))
		}
		return Number(d)
	case *pb.Value_Truth:
		return Bool(kind.Truth)
	case *pb.Value_List:
		return List(convert(kind.List.GetValues(), r.item)...)
	}
	return Value{}
}

func (r *productReader) item(m **pb.Value) Value {
	if _, nested := (*m).GetKind().(*pb.Value_List); nested {
		r.fail(fmt.Errorf("attributes: %w", errListInList))
		return Value{}
	}
	return r.value(m)
}
