package config

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

func TestPositions(t *testing.T) {
	tests := map[string]struct {
		text string
		want map[string]Position
	}{
		"plain": {"a = 1\nb = 2", map[string]Position{"a": {1, 1}, "b": {2, 1}}},
		"table and comment": {"# a = 1\n[t] # [x]\n  a = 1 # b = 2\n", map[string]Position{
			"t": {2, 2}, "t.a": {3, 3}}},
		"dotted": {"a.b . c = 1\na.d=2", map[string]Position{
			"a": {1, 1}, "a.b": {1, 3}, "a.b.c": {1, 7}, "a.d": {2, 3}}},
		"quoted": {`"a.b"."é" = 1` + "\n" + `'c "d' = 1` + "\n" + `"\u0065\x66\n" = 1`, map[string]Position{
			`"a.b"`: {1, 1}, `"a.b"."é"`: {1, 7}, `"c \"d"`: {2, 1}, `"ef\n"`: {3, 1}}},
		"columns are characters": {`a = { "é" = "ü", b = 1 }`, map[string]Position{
			"a": {1, 1}, `a."é"`: {1, 7}, "a.b": {1, 18}}},
		"arrays of tables": {"[[a]]\nx = 1\n[[a]]\nx = 2\n[a.b]\ny = 1\n[[a.c]]\n[[a.c]]\nz.w = 1", map[string]Position{
			"a": {1, 3}, "a[0]": {1, 3}, "a[0].x": {2, 1}, "a[1]": {3, 3}, "a[1].x": {4, 1},
			"a[1].b": {5, 4}, "a[1].b.y": {6, 1}, "a[1].c": {7, 5}, "a[1].c[0]": {7, 5}, "a[1].c[1]": {8, 5},
			"a[1].c[1].z": {9, 1}, "a[1].c[1].z.w": {9, 3}}},
		"lists over lines": {"a = [\n  1, # ]\n  { b = 2 },\n  [ 'x' ],\n]\nc = 1", map[string]Position{
			"a": {1, 1}, "a[0]": {2, 3}, "a[1]": {3, 3}, "a[1].b": {3, 5}, "a[2]": {4, 3}, "a[2][0]": {4, 5}, "c": {6, 1}}},
		"multi-line strings": {"a = \"\"\"\nb = 1 \\\"\"\"\n\"\"\"\"\"\nc = '''\nd = \"\"\"\n''''\ne = 1", map[string]Position{
			"a": {1, 1}, "c": {4, 1}, "e": {7, 1}}},
		"strings that look like syntax": {`a = "x\" # y = ["` + "\n" + `b = '\'` + "\nc = \"\"\nd = 1979-05-27 07:32:00 # x\ne = ''", map[string]Position{
			"a": {1, 1}, "b": {2, 1}, "c": {3, 1}, "d": {4, 1}, "e": {5, 1}}},
		"carriage returns": {"a = 1\r\n\r\n[b]\r\nc = [\r\n1\r\n]\r\n", map[string]Position{
			"a": {1, 1}, "b": {3, 2}, "b.c": {4, 1}, "b.c[0]": {5, 1}}},
		"parent after child": {"[a.b]\n[a]\nc = 1", map[string]Position{
			"a": {1, 2}, "a.b": {1, 4}, "a.c": {3, 1}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := positions(test.text)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("positions (-want +got):\n%s", diff)
			}
			checkAgainstParser(t, test.text)
		})
	}
}

func TestPlain(t *testing.T) {
	for path, want := range map[string]string{
		"a.b[0].c": "a.b[0].c", `a."b.c".d`: "a.b.c.d", `"x\"y"[1]`: `x"y[1]`, "": "",
	} {
		if got := plain(path); got != want {
			t.Errorf("plain(%s) = %s, want %s", path, got, want)
		}
	}
}

// FuzzPositions holds the scanner against the parser: every key that the parser
// finds has a position, there is no other, and the key stands there.
func FuzzPositions(f *testing.F) {
	f.Add("[a.\"b\".c]\nd.e = [{f = 1}, {g.h = \"\"\"x\"\"\"}]\n[[i]]\n[i.j]\n[[i]]\n")
	f.Add("a = [ # x\n [1,2], ['''a''']\n]\r\nb = {c = 1, d = {}}\n\"\" = 1e5\n")
	f.Add("\"\\\"\" = '\\'\na = 2020-01-01T00:00:00Z\n'b c'.d = \"\\\\\"\n")
	f.Fuzz(checkAgainstParser)
}

func checkAgainstParser(t *testing.T, text string) {
	at := positions(text)
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil || strings.HasPrefix(text, "\ufeff") || strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		return
	}
	lines := strings.Split(text, "\n")
	seen := 0
	var walk func(path, key string, value any)
	walk = func(path, key string, value any) {
		p, ok := at[path]
		if !ok {
			t.Fatalf("%s has no position in:\n%s", path, text)
		}
		seen++
		rest := string([]rune(lines[p.Line-1])[p.Column-1:])
		if key != "" && isBare(key) && !strings.HasPrefix(rest, key) && !strings.HasPrefix(rest, `"`) && !strings.HasPrefix(rest, `'`) {
			t.Fatalf("%s is said to stand at %v, where there is %q, in:\n%s", path, p, rest, text)
		}
		eachMember(value, path, walk)
	}
	eachMember(tree, "", walk)
	if seen != len(at) {
		t.Fatalf("%d keys and elements, but %d positions: %v in:\n%s", seen, len(at), at, text)
	}
}

func eachMember(value any, path string, do func(path, key string, value any)) {
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			do(join(path, key), key, v)
		}
	case []map[string]any:
		for i, v := range value {
			do(element(path, i), "", v)
		}
	case []any:
		for i, v := range value {
			do(element(path, i), "", v)
		}
	}
}
