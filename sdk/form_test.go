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
		"a=1&b=":                     object{"a": "1", "b": ""},
		"a=1&a=2":                    object{"a": []any{"1", "2"}},
		"d[x]=1&d[y][z]=2":           object{"d": object{"x": "1", "y": object{"z": "2"}}},
		"d%5Bx%5D=1":                 object{"d": object{"x": "1"}},
		"d[1]=b&d[0]=a":              object{"d": []any{"a", "b"}},
		"d[0][n]=a&d[1][n]=b":        object{"d": []any{object{"n": "a"}, object{"n": "b"}}},
		"d[0]=a&d[2]=b":              object{"d": object{"0": "a", "2": "b"}},
		"d[]=a":                      object{"d": []any{"a"}},
		"d[]=a&d[]=b":                object{"d": []any{"a", "b"}},
		"d[x][]=a":                   object{"d": object{"x": []any{"a"}}},
		"0=a":                        object{"0": "a"}, // the form itself is no list
		"[x]=1&d[=2&d]=3&d[x]y=4":    object{"[x]": "1", "d[": "2", "d]": "3", "d[x]y": "4"},
		"d[[x]]=1&d[][x]=2&d[x[]]=3": object{"d[[x]]": "1", "d[][x]": "2", "d[x[]]": "3"},
		deep + "=1":                  object{deep: "1"},
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
