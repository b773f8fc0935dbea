package inspect

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var page = template.Must(template.New("page").Parse(pageText))

// policy lets the page do nothing but be shown with its own style.
var policy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

func (b *Bin) showPage(w http.ResponseWriter, r *http.Request) {
	if !local(w, r) {
		return
	}
	requests := b.Requests(0, len(b.ring))
	slices.Reverse(requests)
	var out bytes.Buffer
	err := page.Execute(&out, map[string]any{
		"Style": template.CSS(pageStyle), "Requests": requests, "Keep": len(b.ring), "Paused": r.URL.Query().Has("paused"),
	})
	if err != nil {
		http.Error(w, "the page cannot be shown: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy)
	_, _ = w.Write(out.Bytes())
}

func (b *Bin) showJSON(w http.ResponseWriter, r *http.Request) {
	if !local(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"requests": b.Requests(0, len(b.ring))})
}

// local refuses what a web page of another name asks through this machine's
// browser (DNS rebinding), and keeps what is shown out of caches and frames.
func local(w http.ResponseWriter, r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if host != "localhost" && (err != nil || !address.IsLoopback()) {
		http.Error(w, "the inspector shows its requests under a loopback address only, such as http://127.0.0.1", http.StatusForbidden)
		return false
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	return true
}
