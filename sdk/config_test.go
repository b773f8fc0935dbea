package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type paging struct {
	PageSize int `json:"page_size" default:"100" doc:"Products a page."`
}

type endpoint struct {
	URL  string `json:"url" required:"true"`
	Mode string `json:"mode" default:"live" choices:"live,test"`
}

func (e endpoint) String() string { return e.URL }

type oauth struct {
	ID     string `json:"id" required:"true"`
	Secret Secret `json:"secret" required:"true"`
}

type shopConfig struct {
	Token   Secret              `json:"token" required:"true" doc:"Key of the API."`
	Timeout Duration            `json:"timeout" default:"10s"`
	Rate    float64             `json:"rate"`
	Tries   uint8               `json:"tries"`
	Offset  int16               `json:"offset"`
	Dry     bool                `json:"dry" default:"true"`
	Tags    []string            `json:"tags" default:"a,b" choices:"a,b,c"`
	Keys    []Secret            `json:"keys"`
	Price   Decimal             `json:"price"`
	Headers map[string]string   `json:"headers"`
	Logins  map[string]Secret   `json:"logins"`
	Servers []endpoint          `json:"servers"`
	Zones   map[string]endpoint `json:"zones"`
	Main    endpoint            `json:"main"`
	OAuth   *oauth              `json:"oauth" doc:"Instead of a token."`
	paging
	Skipped chan int `json:"-"`
}

const goodConfig = `{"token":"hunter2","main":{"url":"u"}}`

func decodeShop(t testing.TB, text string) (shopConfig, []Problem) {
	t.Helper()
	s, err := schemaOf(reflect.TypeFor[shopConfig]())
	if err != nil {
		t.Fatal(err)
	}
	return decodeConfig[shopConfig](s, []byte(text))
}

func TestOptionsComeFromTheStruct(t *testing.T) {
	s, err := schemaOf(reflect.TypeFor[shopConfig]())
	if err != nil {
		t.Fatal(err)
	}
	want := []Option{
		{Path: "token", Type: "string", Required: true, Secret: true, Description: "Key of the API."},
		{Path: "timeout", Type: "duration", Default: "10s"},
		{Path: "rate", Type: "float"},
		{Path: "tries", Type: "int"},
		{Path: "offset", Type: "int"},
		{Path: "dry", Type: "bool", Default: "true"},
		{Path: "tags", Type: "list", Default: "a,b"},
		{Path: "tags[]", Type: "string", Choices: []string{"a", "b", "c"}},
		{Path: "keys", Type: "list"},
		{Path: "keys[]", Type: "string", Secret: true},
		{Path: "price", Type: "string"},
		{Path: "headers", Type: "map"},
		{Path: "headers.*", Type: "string"},
		{Path: "logins", Type: "map"},
		{Path: "logins.*", Type: "string", Secret: true},
		{Path: "servers", Type: "list"},
		{Path: "servers[].url", Type: "string", Required: true},
		{Path: "servers[].mode", Type: "string", Default: "live", Choices: []string{"live", "test"}},
		{Path: "zones", Type: "map"},
		{Path: "zones.*.url", Type: "string", Required: true},
		{Path: "zones.*.mode", Type: "string", Default: "live", Choices: []string{"live", "test"}},
		{Path: "main", Type: "table"},
		{Path: "main.url", Type: "string", Required: true},
		{Path: "main.mode", Type: "string", Default: "live", Choices: []string{"live", "test"}},
		{Path: "oauth", Type: "table", Description: "Instead of a token."},
		{Path: "oauth.id", Type: "string", Required: true},
		{Path: "oauth.secret", Type: "string", Required: true, Secret: true},
		{Path: "page_size", Type: "int", Default: "100", Description: "Products a page."},
	}
	if diff := cmp.Diff(want, s.options("")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConfigDefaults(t *testing.T) {
	got, problems := decodeShop(t, goodConfig)
	want := shopConfig{
		Token: NewSecret("hunter2"), Timeout: Duration(10 * time.Second), Dry: true, Tags: []string{"a", "b"},
		Main: endpoint{URL: "u", Mode: "live"}, paging: paging{PageSize: 100},
	}
	if problems != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, problems %v", got, problems)
	}
}

func TestConfigWhole(t *testing.T) {
	got, problems := decodeShop(t, `{
		"token":"hunter2", "timeout":"1m", "rate":1.5, "tries":255, "offset":-32768, "dry":false, "tags":["c"],
		"keys":["k"], "price":"1.50", "headers":{"X-A":"b"}, "logins":{"bob":"pw"}, "servers":[{"url":"s0"},{"url":"s1","mode":"test"}],
		"zones":{"eu":{"url":"z"}}, "main":{"url":"m","mode":"test"}, "oauth":{"id":"i","secret":"s"}, "page_size":7}`)
	want := shopConfig{
		Token: NewSecret("hunter2"), Timeout: Duration(time.Minute), Rate: 1.5, Tries: 255, Offset: math.MinInt16, Tags: []string{"c"},
		Keys: []Secret{NewSecret("k")}, Price: "1.50", Headers: map[string]string{"X-A": "b"}, Logins: map[string]Secret{"bob": NewSecret("pw")},
		Servers: []endpoint{{"s0", "live"}, {"s1", "test"}}, Zones: map[string]endpoint{"eu": {"z", "live"}},
		Main: endpoint{"m", "test"}, OAuth: &oauth{"i", NewSecret("s")}, paging: paging{7},
	}
	if problems != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, problems %v", got, problems)
	}
}

func TestConfigProblems(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                                ": the configuration is not a JSON object",
		`[]`:                               ": the configuration is not a JSON object",
		`null`:                             ": the configuration is not a JSON object",
		``:                                 "token: required, but missing\nmain.url: required, but missing",
		`{"token":"","main":{"url":null}}`: "token: required, but empty\nmain.url: required, but missing",
		`{"token":["hunter2"],"main":{"url":"u"}}`:          "token: expected a secret's text, not a list",
		`{"token":17,"main":{"url":7}}`:                     "token: expected a secret's text, not a number\nmain.url: expected text in quotes, not a number",
		`{"token":"t","main":"u"}`:                          "main: expected a table, not text",
		`{"tokn":"hunter2","token":"t","main":{"url":"u"}}`: `tokn: unknown option; did you mean "token"?`,
		`{"Token":"hunter2","main":{"url":"u"}}`:            "token: required, but missing\n" + `Token: unknown option; did you mean "token"?`,
		`{"token":"t","main":{"ulr":"u"}}`:                  "main.url: required, but missing\n" + `main.ulr: unknown option; did you mean "url"?`,
		`{"token":"t","main":{"url":"u","frobnicate":1}}`:   "main.frobnicate: unknown option; known here: url, mode",
		`{"token":"t","main":{"url":"u","mode":"liv"}}`:     `main.mode: "liv" is not one of live, test`,
		`{"token":"t","main":{"url":"u"},"tags":["a","x",1,null]}`: `tags[1]: "x" is not one of a, b, c` +
			"\ntags[2]: expected text in quotes, not a number\ntags[3]: must not be null",
		`{"token":"t","main":{"url":"u"},"timeout":30,"rate":"1","tries":256,"offset":1.5,"dry":"yes"}`: `timeout: expected a duration with its unit, such as "30s", not a number` +
			"\nrate: expected a number, not text\ntries: expected a whole number from 0 to 255\noffset: expected a whole number from -32768 to 32767\ndry: expected true or false, not text",
		`{"token":"t","main":{"url":"u"},"tries":-1,"offset":true,"rate":1e999,"timeout":"30"}`: `timeout: "30" is not a duration: write a number with a unit, such as "30s" or "5m"` +
			"\nrate: the number is too large\ntries: expected a whole number from 0 to 255\noffset: expected a whole number, not true or false",
		`{"token":"t","main":{"url":"u"},"servers":[{"url":"a"},{"mode":"x"},7]}`: "servers[1].url: required, but missing\n" +
			`servers[1].mode: "x" is not one of live, test` + "\nservers[2]: expected a table, not a number",
		`{"token":"t","main":{"url":"u"},"zones":{"eu":{}},"headers":{"a":1},"logins":{"bob":{"hunter2":1}}}`: "headers.a: expected text in quotes, not a number\n" +
			"logins.bob: expected a secret's text, not a table\nzones.eu.url: required, but missing",
		`{"token":"t","main":{"url":"u"},"oauth":{}}`:    "oauth.id: required, but missing\noauth.secret: required, but missing",
		`{"token":"t","main":{"url":"u"},"price":"1,5"}`: `price: "1,5" is not a decimal: write digits with a point, such as 12.50`,
		`{"token":"t","main":{"url":"u"},"servers":{}}`:  "servers: expected a list, not a table",
		`{"token":"t","main":{"url":"u"},"headers":"x"}`: "headers: expected a table, not text",
	} {
		_, problems := decodeShop(t, text)
		var lines []string
		for _, p := range problems {
			lines = append(lines, p.Path+": "+p.Message)
		}
		got := strings.Join(lines, "\n")
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("%s: a secret is shown: %s", text, got)
		}
	}
}

type checked struct {
	Low  int `json:"low"`
	High int `json:"high"`
}

func (c *checked) Validate() error {
	var errs []error
	if c.Low > c.High {
		errs = append(errs, Reject("low", errors.New("must not be above high")))
	}
	if c.High > 9 {
		errs = append(errs, fmt.Errorf("wrapped: %w", Reject("high", errors.New("at most 9"))), errors.New("odd"))
	}
	return errors.Join(errs...)
}

func TestValidateIsCalledOnWhatDecoded(t *testing.T) {
	s, err := schemaOf(reflect.TypeFor[checked]())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]Problem{
		`{"low":1,"high":2}`:    nil,
		`{"low":20,"high":12}`:  {{"low", "must not be above high"}, {"high", "wrapped: at most 9"}, {"", "odd"}},
		`{"low":20,"high":"x"}`: {{"high", "expected a whole number, not text"}},
	} {
		_, problems := decodeConfig[checked](s, []byte(text))
		if diff := cmp.Diff(want, problems); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

type twice struct {
	paging
	Size int `json:"page_size"`
}

type looped struct {
	Inner []looped `json:"inner"`
}

func TestConfigTypesThatCannotWork(t *testing.T) {
	for want, typ := range map[string]reflect.Type{
		"must be a struct": reflect.TypeFor[int](),
		"use sdk.Duration": reflect.TypeFor[struct {
			T time.Duration `json:"t"`
		}](),
		"give the field Name a tag": reflect.TypeFor[struct{ Name string }](),
		"give the field Upper": reflect.TypeFor[struct {
			Upper string `json:"Upper"`
		}](),
		"two fields":      reflect.TypeFor[twice](),
		"contains itself": reflect.TypeFor[looped](),
		"cannot be configured": reflect.TypeFor[struct {
			F func() `json:"f"`
		}](),
		"keys of a map": reflect.TypeFor[struct {
			M map[int]string `json:"m"`
		}](),
		"only texts have choices": reflect.TypeFor[struct {
			N int `json:"n" choices:"1,2"`
		}](),
		"is not one of x, y": reflect.TypeFor[struct {
			C string `json:"c" choices:"x,y" default:"z"`
		}](),
		"expected a whole number": reflect.TypeFor[struct {
			N int8 `json:"n" default:"1000"`
		}](),
		"a secret has no default": reflect.TypeFor[struct {
			S Secret `json:"s" default:"x"`
		}](),
		"a map has no default": reflect.TypeFor[struct {
			M map[string]string `json:"m" default:"x"`
		}](),
		"a duration": reflect.TypeFor[struct {
			D Duration `json:"d" default:"10"`
		}](),
		"required has no default": reflect.TypeFor[struct {
			S string `json:"s" required:"true" default:"x"`
		}](),
		`"" is no bool`: reflect.TypeFor[struct {
			B bool `json:"b" default:""`
		}](),
		`not "yes"`: reflect.TypeFor[struct {
			S string `json:"s" required:"yes"`
		}](),
		`"many" is no int`: reflect.TypeFor[struct {
			N int `json:"n" default:"many"`
		}](),
	} {
		if _, err := schemaOf(typ); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v gave %v, want %q", typ, err, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(goodConfig)
	f.Add(`{"token":"t","servers":[{}],"zones":{"a":null},"oauth":null,"price":1,"tags":[[]]}`)
	f.Add(`{"timeout":"","rate":-0,"tries":1e2,"token":{"hunter2":"x"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		config, problems := decodeShop(t, text)
		if len(problems) > 0 {
			return
		}
		if config.Token.IsZero() || config.Main.URL == "" || config.Main.Mode == "" {
			t.Fatalf("accepted %q without what is required", text)
		}
		var plain map[string]any
		if json.Unmarshal([]byte(text), &plain) != nil {
			t.Fatalf("accepted %q, which is no JSON object", text)
		}
	})
}
