package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// check looks at what concerns several keys at once, and fills in the defaults
// that depend on other keys.
func (d *decoder) check(cfg *Config) {
	d.checkHost(&cfg.Host)
	d.checkInspector(cfg)
	for i := range cfg.Receivers {
		r := &cfg.Receivers[i]
		if r.URL == "" && cfg.Host.PublicURL != "" {
			r.URL = strings.TrimSuffix(cfg.Host.PublicURL, "/") + r.Path
		}
		d.checkPath(r, cfg.Receivers[:i])
		d.checkProtection(r)
		d.checkSecrets(r)
		d.checkCurrency(r)
		d.checkTolerance(r, cfg.Host.KeepEvents)
		d.checkConnectorOf(r, "source", r.Source, cfg.Connectors)
		d.checkConnectorOf(r, "of", r.Of, cfg.Connectors)
	}
	for i := range cfg.Connectors {
		d.checkConnector(&cfg.Connectors[i], cfg)
	}
}

func (d *decoder) checkHost(h *Host) {
	if h.Socket == "" {
		h.Socket = filepath.Join(h.DataDir, "synchost.sock")
	}
	if h.Timezone == nil {
		h.Timezone = time.Local
	}
	if h.ConnectorsDir == "" {
		if exe, err := os.Executable(); err == nil {
			h.ConnectorsDir = filepath.Join(filepath.Dir(exe), "connectors")
		}
	}
	if h.TLS.Cert != "" && h.TLS.Key != "" {
		if _, err := tls.LoadX509KeyPair(h.TLS.Cert, h.TLS.Key); err != nil {
			d.problem("host.tls", "the certificate and key cannot be used: %s", err)
		}
	}
}

func (d *decoder) checkInspector(cfg *Config) {
	const at = "inspector.listen"
	host, port, err := net.SplitHostPort(cfg.Inspector.Listen)
	if err != nil {
		return // said already
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		d.problem(at, "%q is not loopback: the inspector shows requests to whoever asks; use 127.0.0.1:%s", cfg.Inspector.Listen, port)
	}
	other, otherPort, err := net.SplitHostPort(cfg.Host.Listen)
	if err != nil || !cfg.Inspector.Enabled || port != otherPort || port == "0" {
		return
	}
	if ip, err := netip.ParseAddr(other); other == host || other == "" || err == nil && ip.IsUnspecified() {
		d.problem(at, "port %s is that of host.listen: choose another", port)
	}
}

// reserved are the host's own paths.
var reserved = []string{"/healthz", "/readyz", "/metrics"}

func (d *decoder) checkPath(r *Receiver, earlier []Receiver) {
	for _, path := range reserved {
		if overlap(r.Path, path) {
			d.report(r.Place.Problem("path", fmt.Sprintf("%s is the host's own: choose another path", path)))
			return
		}
	}
	for _, other := range earlier {
		if overlap(r.Path, other.Path) {
			d.report(r.Place.Problem("path", fmt.Sprintf("%s is taken by receivers.%s on line %d: choose another path",
				r.Path, other.Name, other.Place.Position("path").Line)))
		}
	}
}

// overlap says whether one request could come to both paths.
func overlap(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	if len(as) != len(bs) || a == "" || b == "" {
		return false
	}
	for i := range as {
		if as[i] != bs[i] && as[i] != secretSegment && bs[i] != secretSegment {
			return false
		}
	}
	return true
}

// checkProtection sees to it that there is one place for the secret.
func (d *decoder) checkProtection(r *Receiver) {
	inPath := strings.Contains(r.Path, secretSegment)
	written := func(key string) bool { _, ok := r.Place.At[key]; return ok }
	if r.Scheme == paypal {
		if written("secret") {
			d.report(r.Place.Problem("secret", "PayPal shares none: remove it; the app's own goes into postback.client_secret"))
		}
		if !written("tolerance") {
			r.Tolerance = paypalTolerance
		}
	}
	if !schemeNamed(r.Scheme).takes("token") {
		r.Token = schemeNamed(r.Scheme).token
		if inPath && r.Scheme != "" {
			d.report(r.Place.Problem("path", fmt.Sprintf("{secret} in a path is for other schemes: remove it, %s finds its secret elsewhere", r.Scheme)))
		}
		return
	}
	switch {
	case written("token") && inPath:
		d.report(r.Place.Problem("token", "the secret is in the path already: remove token, or {secret} from path"))
	case written("token") && (r.Token.Header == "") == (r.Token.Query == ""):
		if !d.reported(r.Place.Field + ".token") {
			d.report(r.Place.Problem("token", `want one of { header = "X-Token" } and { query = "code" }`))
		}
	case !written("secret") && (inPath || written("token")):
		if r.Scheme == catch { // the others demand it anyway
			d.report(r.Place.Problem("secret", `is missing: path or token say where it is looked for; add secret = { env = "NAME" }`))
		}
	case !written("secret") && !written("allow") && r.Scheme == catch:
		d.report(r.Place.Problem("", `a catch receiver must have one protection: add secret = { env = "NAME" }, or allow = ["192.0.2.7"]`))
	case written("token") || inPath || !written("secret"):
	default:
		r.Token = schemeNamed(r.Scheme).token
	}
}

// paypalTolerance is longer than the three days for which PayPal sends again.
const paypalTolerance = 96 * time.Hour

// shortSecret is the length below which a secret is weak, however random: what a
// sender proves with it may be tried as often as the network allows.
const shortSecret = 16

func (d *decoder) checkSecrets(r *Receiver) {
	if s := schemeNamed(r.Scheme); s.issued && slices.ContainsFunc(r.Kept, func(k Kept) bool { return k.Absent }) {
		d.report(r.Place.Problem("secret", s.Sender+" makes this secret, and one that is made here would be another: write the one that it shows into the file, without generate"))
	}
	for _, s := range r.Secrets {
		if text := s.Reveal(); len(text) >= shortSecret && strings.Contains(r.URL, text) {
			d.report(r.Place.Problem("url", "holds the secret, which is never written in this file: write {secret} in its place"))
		}
		if text := s.Reveal(); strings.TrimSpace(text) != text {
			d.warnings = append(d.warnings, r.Place.Problem("secret", "begins or ends with a blank, which is part of it here: is it at the sender, too?"))
		}
		if n := len(s.Reveal()); n > 0 && n < shortSecret {
			d.warnings = append(d.warnings, r.Place.Problem("secret", fmt.Sprintf("a secret of %d characters can be guessed: take %d random ones or more, "+
				`such as from "openssl rand -hex 32"`, n, shortSecret)))
		}
	}
}

// checkCurrency warns where prices are left out. That is no fault: who wants names
// and stock only needs no currency.
func (d *decoder) checkCurrency(r *Receiver) {
	_, written := r.Place.At["currency"]
	if schemeNamed(r.Scheme).takes("currency") && !written && len(r.Map) == 0 {
		d.warnings = append(d.warnings, r.Place.Problem("currency", `is missing, and the sender does not tell it: prices are left out; add currency = "EUR"`))
	}
}

// checkTolerance warns where an event is forgotten while the request that brought it
// may still be sent again: its time may be as far behind ours as it may be before.
func (d *decoder) checkTolerance(r *Receiver, keep time.Duration) {
	signed := r.Signature == (Signature{}) || r.Signature.Timestamp != ""
	if signed && schemeNamed(r.Scheme).takes("tolerance") && keep < 2*r.Tolerance {
		d.warnings = append(d.warnings, r.Place.Problem("tolerance", fmt.Sprintf(
			"a request may be sent again for %s, and is not known any more after host.keep_events: set that to as much, or tolerance to less", 2*r.Tolerance)))
	}
}

// checkConnectorOf sees to it that a receiver names a connector that there is.
func (d *decoder) checkConnectorOf(r *Receiver, key, name string, connectors []Connector) {
	if name == "" {
		return
	}
	if !bringsProducts(r) {
		d.report(r.Place.Problem(key, "this receiver brings raw events, which are about no product: "+
			"let map make products of them (op, or fields.<path>), or remove the key"))
	}
	names := make([]string, len(connectors))
	for i, c := range connectors {
		if names[i] = c.Name; c.Name != name {
			continue
		}
		if !c.Enabled {
			d.warnings = append(d.warnings, r.Place.Problem(key, fmt.Sprintf("connectors.%s is disabled: nobody is asked until it is enabled", name)))
		}
		return
	}
	near := didYouMean(name, names)
	switch {
	case near == "" && len(names) == 0:
		near = ": there are none"
	case near == "":
		near = "; there are: " + strings.Join(names, ", ")
	}
	d.report(r.Place.Problem(key, fmt.Sprintf("there is no connector %q%s", name, near)))
}

// bringsProducts says whether events of a receiver are about products.
func bringsProducts(r *Receiver) bool { return schemeNamed(r.Scheme).products || r.MapsProducts() }

// MapsProducts says whether the map makes events about products.
func (r *Receiver) MapsProducts() bool {
	for name := range r.Map {
		if name == "op" || strings.HasPrefix(name, "fields.") {
			return true
		}
	}
	return false
}

func (d *decoder) report(p Problem) { d.problems = append(d.problems, p) }

// reported says whether something is known to be wrong with a key or table.
func (d *decoder) reported(field string) bool { return d.problems.Touch(field) }

func (d *decoder) checkConnector(c *Connector, cfg *Config) {
	for _, r := range cfg.Receivers {
		if r.Name == c.Name {
			d.report(c.Place.Problem("", fmt.Sprintf("receivers.%s on line %d has this name too: give one of them another, "+
				"events are known by where they came from", r.Name, r.Place.Position("").Line)))
		}
	}
	if c.LogLevel == "" {
		c.LogLevel = cfg.Host.LogLevel
	}
	if !c.Enabled || c.Plugin == "" || d.reported("host.connectors_dir") {
		return
	}
	binary, err := findPlugin(c.Plugin, cfg.Host.ConnectorsDir)
	switch {
	case err != nil:
		d.report(c.Place.Problem("plugin", err.Error()))
	case d.startable(c):
		c.Binary = binary
	}
}

// startable says whether all that a process is made of could be read: then the
// connector can be asked about its options, whatever else is wrong.
func (d *decoder) startable(c *Connector) bool {
	return nameForm.MatchString(c.Name) && c.Config != nil && !slices.ContainsFunc(
		[]string{"host.data_dir", c.Place.Field + ".plugin", c.Place.Field + ".sha256", c.Place.Field + ".env", c.Place.Field + ".memory_max", c.Place.Field + ".tls"},
		d.reported)
}

// findPlugin is the path of a connector's executable.
func findPlugin(name, dir string) (string, error) {
	if filepath.IsAbs(name) {
		if err := executable(name); err != nil {
			return "", fmt.Errorf("%s cannot be started: %w", name, reason(err))
		}
		return name, nil
	}
	path := filepath.Join(dir, name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	err := executable(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no connector %q in %s%s", name, dir, instead(name, dir))
	}
	if err != nil {
		return "", fmt.Errorf("%s cannot be started: %w", path, reason(err))
	}
	return path, nil
}

func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a file")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o111 == 0:
		return errors.New("it is not executable: run chmod +x on it")
	}
	return nil
}

// instead says which connectors there are.
func instead(name, dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ", a folder that cannot be read (" + reason(err).Error() + "): build the connectors, or set connectors_dir in [host]"
	}
	var names []string
	for _, e := range entries {
		if executable(filepath.Join(dir, e.Name())) == nil {
			names = append(names, strings.TrimSuffix(e.Name(), ".exe"))
		}
	}
	if len(names) == 0 {
		return ", which holds no connectors: build them, or set connectors_dir in [host]"
	}
	near := didYouMean(name, names)
	if near == "" {
		near = "."
	}
	return near + " There are: " + strings.Join(names, ", ")
}
