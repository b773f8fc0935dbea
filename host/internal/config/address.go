package config

import (
	"net"
	"net/netip"
	"strings"
)

// Address is the URL under which the sender reaches a receiver, with {secret} where
// the secret goes, if it goes into the URL. Where neither url nor public_url tells
// it, it is where the host listens, as seen from its own machine, and told is false.
func (h Host) Address(r Receiver) (address string, told bool) {
	if address, told = r.URL, r.URL != ""; !told {
		address = h.here() + r.Path
	}
	if name := r.Token.Query; name != "" && !strings.Contains(address, secretSegment) {
		sign := "?"
		if strings.Contains(address, "?") {
			sign = "&"
		}
		address += sign + name + "=" + secretSegment
	}
	return address, told
}

// here is Listen as a URL.
func (h Host) here() string {
	scheme := "http://"
	if h.TLS.Cert != "" {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(h.Listen)
	if err != nil {
		return scheme + h.Listen
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens at all addresses, this one too
	}
	return scheme + net.JoinHostPort(host, port)
}
