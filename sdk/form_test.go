package sdk

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestForms(t *testing.T) {
	type object = map[string]any
	deep := "a" + strings.Repeat("[b]", maxFormParts)
	for body, want := range map[string]object{
		"a=1&b=":                     {"a": "1", "b": ""},
		"a=1&a=2":                    {"a": []any{"1", "2"}},
		"d[x]=1&d[y][z]=2":           {"d": object{"x": "1", "y": object{"z": "2"}}},
		"d%5Bx%5D=1":                 {"d": object{"x": "1"}},
		"d[1]=b&d[0]=a":              {"d": []any{"a", "b"}},
		"d[0][n]=a&d[1][n]=b":        {"d": []any{object{"n": "a"}, object{"n": "b"}}},
		"d[0]=a&d[2]=b":              {"d": object{"0": "a", "2": "b"}},
		"d[]=a":                      {"d": []any{"a"}},
		"d[]=a&d[]=b":                {"d": []any{"a", "b"}},
		"d[x][]=a":                   {"d": object{"x": []any{"a"}}},
		"0=a":                        {"0": "a"}, // the form itself is no list
		"[x]=1&d[=2&d]=3&d[x]y=4":    {"[x]": "1", "d[": "2", "d]": "3", "d[x]y": "4"},
		"d[[x]]=1&d[][x]=2&d[x[]]=3": {"d[[x]]": "1", "d[][x]": "2", "d[x[]]": "3"},
		deep + "=1":                  {deep: "1"},
	} {
		got, err := ParseForm([]byte(body))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", body, err, diff)
		}
	}
	for _, body := range []string{"d=1&d[x]=2", "d[x]=1&d[x][y]=2", "d[x][y]=1&d[x]=2", "d[]=1&d[x]=2", "d[]=1&d=2", "a=%zz", "a=\xff"} {
		if got, err := ParseForm([]byte(body)); err == nil {
			t.Errorf("%s is %v", body, got)
		}
	}
}

func TestMediaType(t *testing.T) {
	for contentType, want := range map[string]string{
		"":                                  "",
		"Application/JSON":                  "application/json",
		`application/json; charset="UTF-8"`: "application/json",
		"application/json; charset=utf8":    "application/json", // what many write
		"text/plain; format=flowed":         "text/plain",
		"text/plain; charset=us-ascii":      "text/plain",
		"text/plain; charset=latin1":        "text/plain; charset=latin1",
		"text/plain; charset":               "text/plain",
		"application/json, text/plain":      "",
	} {
		if got := MediaType(contentType); got != want {
			t.Errorf("%q is %q, want %q", contentType, got, want)
		}
	}
}
