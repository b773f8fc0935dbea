package sdk

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

const hidden = "hunter2-hunter2"

func TestSecretIsNeverShown(t *testing.T) {
	secret := NewSecret(hidden)
	type holder struct {
		Open    Secret
		private Secret // fmt cannot call methods of this one
		nested  struct{ pointer *Secret }
	}
	held := holder{Open: secret, private: secret}
	held.nested.pointer = &secret
	shown := map[string]string{}
	for _, value := range []any{secret, &secret, held, &held, []Secret{secret}, []any{secret}, map[string]Secret{"k": secret}, map[Secret]int{secret: 1}, error(&Error{Err: fmt.Errorf("%v", secret)})} {
		for _, verb := range "vsqxXdtbcoOeEfFgGUpTw" {
			for _, flag := range []string{"", "+", "#", " ", "0", "-", "20", ".3"} {
				format := "%" + flag + string(verb)
				shown[fmt.Sprintf("%s of %T", format, value)] = fmt.Sprintf(format, value)
			}
		}
		shown[fmt.Sprintf("Print of %T", value)] = fmt.Sprint(value) + fmt.Sprintln(value)
		data, _ := json.Marshal(value)
		shown[fmt.Sprintf("JSON of %T", value)] = string(data)
	}
	data, _ := xml.Marshal(held)
	shown["XML"] = string(data)
	text, _ := secret.MarshalText()
	shown["text"] = string(text)
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		log := hclog.New(&hclog.LoggerOptions{Output: &out, JSONFormat: asJSON})
		log.Info("m", "secret", secret, "pointer", &secret, "held", held, "list", []Secret{secret}, "map", map[string]any{"s": secret}, "fmt", hclog.Fmt("%p", secret))
		shown[fmt.Sprintf("hclog, JSON %v", asJSON)] = out.String()
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "secret", secret, "held", held)
		shown["slog"] = out.String()
	}
	for how, text := range shown {
		if strings.Contains(text, hidden) || strings.Contains(text, fmt.Sprintf("%x", hidden)) {
			t.Errorf("%s shows it: %s", how, text)
		}
	}
	if fmt.Sprintf("%v %+v %s %q", secret, secret, secret, secret) != "*** *** *** ***" {
		t.Errorf("printed as %v", secret)
	}
	if secret.Reveal() != hidden {
		t.Error("Reveal does not give the text")
	}
}

func TestSecretJSON(t *testing.T) {
	var s Secret
	if err := json.Unmarshal([]byte(`"`+hidden+`"`), &s); err != nil || s.Reveal() != hidden || s != NewSecret(hidden) {
		t.Errorf("read %v", err)
	}
	if err := json.Unmarshal([]byte(`""`), &s); err != nil || !s.IsZero() || s.Reveal() != "" {
		t.Errorf("the empty text is set: %v", err)
	}
	if err := s.UnmarshalJSON([]byte(`{"` + hidden + `":1}`)); !errors.Is(err, errNotText) {
		t.Errorf("error %v", err)
	}
}

func TestDurationIsTextOnly(t *testing.T) {
	var d Duration
	if err := json.Unmarshal([]byte(`"1m30s"`), &d); err != nil || d.Std() != 90*time.Second || d.String() != "1m30s" {
		t.Errorf("got %v, %v", d, err)
	}
	for _, bad := range []string{`30`, `"30"`, `"soon"`, `true`, `null `, `{}`} {
		if err := json.Unmarshal([]byte(bad), &d); bad != `null ` && (err == nil || !strings.Contains(err.Error(), "unit")) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if text, err := json.Marshal(Duration(time.Second)); err != nil || string(text) != `"1s"` {
		t.Errorf("written %s, %v", text, err)
	}
}
