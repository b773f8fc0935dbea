package plan

import (
	"slices"
	"strings"

	"github.com/synchost/synchost/sdk"
)

const attributes = "attributes."

// variantParts are the field paths of parts of variants.
var variantParts = slices.DeleteFunc(sdk.FieldPaths(), func(path string) bool { return !ofVariants(path) })

// ofVariants says whether a field is a part of variants.
func ofVariants(path string) bool { return strings.HasPrefix(path, variantPrefix) }

// empty says whether p has nothing in the field of that path: of a part of
// variants, none of them has.
func empty(p *sdk.Product, path string) bool {
	if name, ok := strings.CutPrefix(path, attributes); ok {
		return p.Attributes[name].Text() == ""
	}
	bare := sdk.Product{}
	if ofVariants(path) {
		bare.Variants = bareVariants(p)
	}
	return sdk.EqualField(p, &bare, path)
}

// vacant says whether base has nothing in the field of that path: of a part of
// variants, none of those that are wanted has.
func vacant(base, wanted *sdk.Product, path string) bool {
	if !ofVariants(path) {
		return empty(base, path)
	}
	has := sdk.Product{Variants: bareVariants(wanted)}
	sdk.CopyField(&has, base, path)
	return empty(&has, path)
}

// bareVariants are p's variants with what tells them apart, and nothing else.
func bareVariants(p *sdk.Product) []sdk.Variant {
	bare := make([]sdk.Variant, len(p.Variants))
	for i, v := range p.Variants {
		bare[i] = sdk.Variant{Key: v.Key, Code: v.Code, Options: v.Options}
	}
	return bare
}

// spare is wanted as it is to be sent. Who writes "variants" writes them whole:
// so those of their parts that may not be written are sent as they are there. A
// variant that is new there gets them once, but for what is ignored.
func (policy *Policy) spare(wanted *sdk.Product, fields []string, known *Known) sdk.Product {
	out := *wanted
	if !slices.Contains(fields, "variants") {
		return out
	}
	bare := sdk.Product{Variants: bareVariants(wanted)}
	for _, path := range variantParts {
		if !policy.carries(path) || policy.may(path, wanted, known) {
			continue
		}
		if policy.Own.Mode(path) == Ignore {
			sdk.CopyField(&out, &bare, path)
		}
		if known.Base != nil {
			sdk.CopyField(&out, known.Base, path)
		}
	}
	return out
}
