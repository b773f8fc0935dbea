package config

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is one way of writing a value: how it is checked and read, and how the
// schema describes it. read reports what is wrong itself.
type kind[V any] struct {
	schema schema
	read   func(d *decoder, at string, raw any) (V, bool)
}

// text is a kind that is written as a text in quotes. parse must echo no more of
// the text than is safe to print.
func text[V any](want string, s schema, parse func(string) (V, error)) kind[V] {
	s["type"] = "string"
	return kind[V]{schema: s, read: func(d *decoder, at string, raw any) (v V, ok bool) {
		written, ok := raw.(string)
		if !ok {
			d.mismatch(at, want, raw)
			return v, false
		}
		v, err := parse(written)
		if err != nil {
			d.problem(at, "%s", err)
			return v, false
		}
		return v, true
	}}
}

// filled is any text but the empty one.
func filled(want string) kind[string] {
	return text(want, schema{"minLength": 1}, func(s string) (string, error) {
		if strings.TrimSpace(s) == "" {
			return "", fmt.Errorf("is empty: write %s, or remove the key", want)
		}
		return s, nil
	})
}

// matching is a text of a given form.
func matching(want, form string) kind[string] {
	re := regexp.MustCompile(form)
	return text(want, schema{"pattern": form}, func(s string) (string, error) {
		if !re.MatchString(s) {
			return "", fmt.Errorf("%q is not %s", s, want)
		}
		return s, nil
	})
}

// choice is one of a few words.
func choice(words ...string) kind[string] {
	want := "one of " + strings.Join(words, ", ")
	return text(want, schema{"enum": words}, func(s string) (string, error) {
		if slices.Contains(words, s) {
			return s, nil
		}
		return "", fmt.Errorf("%q is not %s%s", s, want, didYouMean(s, words))
	})
}

var boolean = kind[bool]{schema: schema{"type": "boolean"}, read: func(d *decoder, at string, raw any) (bool, bool) {
	v, ok := raw.(bool)
	if !ok {
		d.mismatch(at, "true or false without quotes", raw)
	}
	return v, ok
}}

func integer(least, most int) kind[int] {
	s := schema{"type": "integer", "minimum": least, "maximum": most}
	want := fmt.Sprintf("a whole number from %d to %d without quotes", least, most)
	return kind[int]{schema: s, read: func(d *decoder, at string, raw any) (int, bool) {
		v, ok := raw.(int64)
		switch {
		case !ok:
			d.mismatch(at, want, raw)
		case v < int64(least) || v > int64(most):
			d.problem(at, "%d is out of range: want %s", v, want)
			return 0, false
		}
		return int(v), ok
	}}
}

const wantDuration = `a duration in quotes with a unit, such as "30s", "5m" or "720h"`

func duration(least, most time.Duration) kind[time.Duration] {
	form := schema{"pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`}
	return text(wantDuration, form, func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%q is not %s", s, wantDuration)
		case d < least || d > most:
			return 0, fmt.Errorf("%s is out of range: from %s to %s", s, short(least), short(most))
		}
		return d, nil
	})
}

// short is a duration without the units that are zero: 720h, not 720h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

const wantSize = `a size in quotes with a unit, such as "512KiB", "1MiB" or "2GiB"`

var sizeForm = regexp.MustCompile(`^([0-9]{1,15})(B|KB|MB|GB|KiB|MiB|GiB)$`)

var sizeUnits = map[string]int64{
	"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}

var size = text(wantSize, schema{"pattern": sizeForm.String()}, func(s string) (int64, error) {
	parts := sizeForm.FindStringSubmatch(s)
	if parts == nil {
		return 0, fmt.Errorf("%q is not %s", s, wantSize)
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	unit := sizeUnits[parts[2]]
	if err != nil || n == 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%s is out of range: want more than nothing, and less than 8 EiB", s)
	}
	return n * unit, nil
})

const wantRate = `a rate in quotes, such as "100/s", "60/m" or "1000/h"`

var rateForm = regexp.MustCompile(`^([1-9][0-9]{0,8})/([smh])$`)

var rate = text(wantRate, schema{"pattern": rateForm.String()}, func(s string) (Rate, error) {
	parts := rateForm.FindStringSubmatch(s)
	if parts == nil {
		return Rate{}, fmt.Errorf("%q is not %s", s, wantRate)
	}
	n, err := strconv.Atoi(parts[1])
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[parts[2]]
	return Rate{Count: n, Per: per}, err
})

const wantAddress = `an address and port, such as "127.0.0.1:8470" or ":8470"`

var address = text(wantAddress, schema{"pattern": `^.*:[0-9]{1,5}$`}, func(s string) (string, error) {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%q is not %s", s, wantAddress)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q has no port from 0 to 65535: want %s", s, wantAddress)
	}
	return s, nil
})

const wantNetwork = `an IP address or network, such as "192.0.2.7" or "10.0.0.0/8"`

var network = text(wantNetwork, schema{"pattern": `^[0-9a-fA-F:.]+(/[0-9]{1,3})?$`}, func(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is not %s", s, wantNetwork)
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 { // requests from there come as of IPv4
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("%q has bits set behind its prefix: write %q for the network, or %q for the one address", s, p.Masked(), p.Addr())
	}
	return p, nil
})

// file is the path of a file or folder; relative ones are relative to the
// configuration.
var file = kind[string]{schema: schema{"type": "string", "minLength": 1}, read: func(d *decoder, at string, raw any) (string, bool) {
	s, ok := filled("the path of a file or folder").read(d, at, raw)
	return d.absolute(s), ok
}}

func (d *decoder) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(d.dir, path)
}

// secretSegment is the segment of a receiver's path that holds the secret.
const secretSegment = "{secret}"

const urlPathForm = `^(/([A-Za-z0-9._~-]+|\{secret\}))+$`

var urlPathRE = regexp.MustCompile(urlPathForm)

var urlPath = text("a path", schema{"pattern": urlPathForm}, func(s string) (string, error) {
	if !urlPathRE.MatchString(s) || strings.Contains(s+"/", "/./") || strings.Contains(s+"/", "/../") {
		return "", fmt.Errorf("%q is not a path such as \"/in/shop\": segments of letters, digits and . _ ~ -, "+
			"each after one slash, none at the end; one may be %s", s, secretSegment)
	}
	if strings.Count(s, secretSegment) > 1 {
		return "", fmt.Errorf("%q has %s twice: once is enough", s, secretSegment)
	}
	return s, nil
})

// publicURL is an address that somebody elsewhere calls.
var publicURL = text("a URL", schema{"pattern": "^https?://[^/?#@]+"}, func(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Contains(s, "#") {
		return "", fmt.Errorf("%q is not an address such as \"https://sync.example.com/in/shop\"", s)
	}
	return s, nil
})

var headerName = matching(`the name of a header, such as "X-Signature"`, "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// list is a list of values of one kind.
func list[V any](one kind[V]) kind[[]V] {
	s := schema{"type": "array", "items": one.schema}
	return kind[[]V]{schema: s, read: func(d *decoder, at string, raw any) ([]V, bool) {
		items, ok := elements(raw)
		if !ok {
			d.mismatch(at, `a list in brackets [ ]`, raw)
			return nil, false
		}
		all := make([]V, 0, len(items))
		for i, item := range items {
			if v, read := one.read(d, element(at, i), item); read {
				all = append(all, v)
			} else {
				ok = false
			}
		}
		return all, ok
	}}
}

// oneOrMore is a value of one kind, or a list of them that is not empty.
func oneOrMore[V any](one kind[V]) kind[[]V] {
	many := list(one)
	many.schema["minItems"] = 1
	s := schema{"anyOf": []schema{one.schema, many.schema}}
	return kind[[]V]{schema: s, read: func(d *decoder, at string, raw any) ([]V, bool) {
		items, isList := elements(raw)
		switch {
		case isList && len(items) == 0:
			d.problem(at, "the list is empty: fill it or remove the key")
			return nil, false
		case isList:
			return many.read(d, at, raw)
		}
		v, ok := one.read(d, at, raw)
		return []V{v}, ok
	}}
}

// elements is a list as the parser gives it, which is of two types.
func elements(raw any) ([]any, bool) {
	if tables, ok := raw.([]map[string]any); ok {
		items := make([]any, len(tables))
		for i, t := range tables {
			items[i] = t
		}
		return items, true
	}
	items, ok := raw.([]any)
	return items, ok
}

// expressions is a table from names to expressions. What is no expression is
// empty there, so that nobody takes it for missing.
var expressions = kind[map[string]string]{
	schema: schema{"type": "object", "additionalProperties": schema{"type": []string{"string", "object"}}},
	read: func(d *decoder, at string, raw any) (map[string]string, bool) {
		all := make(map[string]string)
		ok := d.eachName(at, "a table of expressions", raw, func(at, name string, raw any) {
			all[name], _ = filled("an expression in quotes").read(d, at, raw)
		})
		return all, ok
	},
}

// eachName goes through a table whose names may have dots, and then be quoted or
// written as dotted keys. false: it is no table.
func (d *decoder) eachName(at, want string, raw any, do func(at, name string, raw any)) bool {
	seen := make(map[string]bool)
	var walk func(at, name string, raw any) bool
	walk = func(at, name string, raw any) bool {
		written, ok := d.table(at, want, raw)
		for _, key := range d.inOrder(at, written) {
			path, full := join(at, key), strings.TrimPrefix(name+"."+key, ".")
			switch _, isTable := written[key].(map[string]any); {
			case isTable:
				walk(path, full, written[key])
			case seen[full]:
				d.problem(path, "is written twice, with and without quotes: keep one")
			default:
				seen[full] = true
				do(path, full, written[key])
			}
		}
		return ok
	}
	return walk(at, "", raw)
}
