package receive

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// sender is the address that a request came from. Proxies that are trusted are
// looked through: X-Forwarded-For is read from its right end, where the nearest
// proxy wrote, and no further than to the first address that is not trusted, for
// whatever stands left of that one may be made up.
func sender(r *http.Request, trusted []netip.Prefix) (netip.Addr, bool) {
	at, ok := address(r.RemoteAddr)
	if !ok || !within(trusted, at) {
		return at, ok
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if hop = strings.TrimSpace(hop); hop == "" {
			continue
		}
		if at, ok = address(hop); !ok || !within(trusted, at) {
			return at, ok
		}
	}
	return at, true
}

// address reads an IP address with or without a port.
func address(text string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	port, err := netip.ParseAddrPort(text)
	return port.Addr().Unmap().WithZone(""), err == nil
}

func within(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// checkSender holds the sender's address against the receiver's list.
func (r *request) checkSender(trusted []netip.Prefix) error {
	allow := r.receiver.config.Allow
	if len(allow) == 0 {
		return nil
	}
	if addr, ok := sender(r.Request, trusted); ok && within(allow, addr) {
		return nil
	}
	return refuse(http.StatusForbidden, "address", "Your address is not on the list of this receiver.")
}
