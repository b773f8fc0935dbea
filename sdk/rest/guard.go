package rest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"

	"github.com/synchost/synchost/sdk"
)

// ErrAddressRefused is wrapped by the error of a dial into a network that the
// operator did not allow.
var ErrAddressRefused = errors.New("address refused")

// guard decides about addresses as they are dialled, after names have been
// resolved: a name cannot point it elsewhere between a check and its use.
type guard struct {
	allow  []netip.Prefix
	option string
}

func newGuard(o Options) guard {
	g := guard{allow: o.AllowNetworks, option: o.AllowOption}
	if g.option == "" {
		g.option = "allow_networks"
	}
	return g
}

// control is a net.Dialer's ControlContext.
func (g guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	dialled, err := netip.ParseAddrPort(address)
	if err != nil {
		return sdk.Deny(fmt.Errorf("%w: %q is not an address that can be judged", ErrAddressRefused, address))
	}
	if err := g.judge(dialled.Addr()); err != nil {
		return sdk.Deny(err)
	}
	return nil
}

func (g guard) judge(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	reached := embedded(addr)
	kind := special(reached)
	if kind == "" {
		return nil
	}
	for _, network := range g.allow {
		if network.Contains(addr) || network.Contains(reached) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s is %s; to permit it, add it or its network to %s", ErrAddressRefused, addr, kind, g.option)
}

// network is a range of addresses that are not the public internet.
type network struct {
	prefix netip.Prefix
	kind   string
}

// networks follows the special-purpose registries of IANA, with the addresses
// at which clouds serve credentials named first.
var networks = []network{
	{netip.MustParsePrefix("169.254.169.254/32"), "a cloud metadata address"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud metadata address"},
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud metadata address"},
	{netip.MustParsePrefix("192.0.0.192/32"), "a cloud metadata address"},
	{netip.MustParsePrefix("fd00:ec2::/32"), "a cloud metadata address"},
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a carrier's private address"},
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private address"},
	{netip.MustParsePrefix("192.0.0.0/24"), "a reserved address"},
	{netip.MustParsePrefix("192.0.2.0/24"), "a documentation address"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a reserved address"},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private address"},
	{netip.MustParsePrefix("198.18.0.0/15"), "a test network's address"},
	{netip.MustParsePrefix("198.51.100.0/24"), "a documentation address"},
	{netip.MustParsePrefix("203.0.113.0/24"), "a documentation address"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
	{netip.MustParsePrefix("::/128"), "an unspecified address"},
	{netip.MustParsePrefix("::1/128"), "a loopback address"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a private address"},
	{netip.MustParsePrefix("2001::/23"), "a reserved address"},
	{netip.MustParsePrefix("2001:db8::/32"), "a documentation address"},
	{netip.MustParsePrefix("3fff::/20"), "a documentation address"},
	{netip.MustParsePrefix("fc00::/7"), "a private address"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
}

// public6 is all of IPv6 that is handed out for the public internet.
var public6 = netip.MustParsePrefix("2000::/3")

// special says in words what keeps addr from being public; empty: nothing.
func special(addr netip.Addr) string {
	for i := range networks {
		if networks[i].prefix.Contains(addr) {
			return networks[i].kind
		}
	}
	if addr.Is6() && !public6.Contains(addr) {
		return "a reserved address"
	}
	return ""
}

var (
	nat64   = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4  = netip.MustParsePrefix("2002::/16")
	compat4 = netip.MustParsePrefix("::/96")
)

// embedded is the IPv4 address that a gateway makes of addr, else addr itself.
func embedded(addr netip.Addr) netip.Addr {
	b := addr.As16()
	switch {
	case !addr.Is6():
	case nat64.Contains(addr), compat4.Contains(addr) && !addr.IsUnspecified() && !addr.IsLoopback():
		return netip.AddrFrom4([4]byte(b[12:]))
	case sixTo4.Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return addr
}

// ParseNetwork reads a network such as "192.168.0.0/16", or a single address,
// for Options.AllowNetworks.
func ParseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, errNetwork(text)
		}
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, errNetwork(text)
	}
	if addr := prefix.Addr(); addr.Is4In6() {
		if prefix.Bits() < 96 {
			return netip.Prefix{}, errNetwork(text)
		}
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

func errNetwork(text string) error {
	return fmt.Errorf("%q is not a network: write an address and its prefix length, such as \"192.168.0.0/16\"", text)
}
