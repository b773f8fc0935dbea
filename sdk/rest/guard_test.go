package rest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
)

func TestGuardKnowsWhatIsNotPublic(t *testing.T) {
	tests := []struct{ addr, kind string }{
		{"8.8.8.8", ""},
		{"172.32.0.1", ""},
		{"100.128.0.1", ""},
		{"2606:4700::1111", ""},
		{"64:ff9b::808:808", ""},
		{"2002:808:808::1", ""},
		{"::ffff:8.8.8.8", ""},
		{"10.1.2.3", "private"},
		{"172.16.0.1", "private"},
		{"192.168.1.5", "private"},
		{"127.0.0.1", "loopback"},
		{"127.8.9.1", "loopback"},
		{"::1", "loopback"},
		{"169.254.1.1", "link-local"},
		{"fe80::1", "link-local"},
		{"fe80::1%eth0", "link-local"},
		{"169.254.169.254", "metadata"},
		{"168.63.129.16", "metadata"},
		{"100.100.100.200", "metadata"},
		{"fd00:ec2::254", "metadata"},
		{"100.64.0.1", "carrier"},
		{"224.0.0.1", "multicast"},
		{"ff02::1", "multicast"},
		{"255.255.255.255", "reserved"},
		{"0.0.0.0", "unspecified"},
		{"0.1.2.3", "unspecified"},
		{"::", "unspecified"},
		{"fc00::1", "private"},
		{"fec0::1", "reserved"},
		{"64:ff9b:1::1", "private"},
		{"2001::1", "reserved"}, // Teredo
		{"2001:db8::1", "documentation"},
		{"::ffff:127.0.0.1", "loopback"},
		{"::ffff:169.254.169.254", "metadata"},
		{"::127.0.0.1", "loopback"},
		{"64:ff9b::7f00:1", "loopback"},
		{"64:ff9b::a9fe:a9fe", "metadata"},
		{"2002:a00:1::1", "private"},
		{"2002:7f00:1::", "loopback"},
	}
	for _, test := range tests {
		err := newGuard(Options{}).judge(netip.MustParseAddr(test.addr))
		if test.kind == "" {
			if err != nil {
				t.Errorf("%s: %v, want it permitted", test.addr, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.kind) || !strings.Contains(err.Error(), "allow_networks") {
			t.Errorf("%s: %v, want it refused as %s with the option that permits it", test.addr, err, test.kind)
		}
	}
}

func TestGuardPermitsWhatTheOperatorLists(t *testing.T) {
	tests := []struct {
		allow, addr string
		want        bool
	}{
		{"192.168.0.0/16", "192.168.7.7", true},
		{"192.168.0.0/16", "::ffff:192.168.7.7", true},
		{"192.168.0.0/16", "64:ff9b::c0a8:707", true},
		{"192.168.0.0/16", "192.169.0.1", true}, // public anyway
		{"192.168.0.0/16", "10.0.0.1", false},
		{"192.168.1.5", "192.168.1.5", true},
		{"192.168.1.5", "192.168.1.6", false},
		{"::ffff:10.0.0.0/104", "10.9.9.9", true},
		{"fd00::/8", "fd12::1", true},
		{"fe80::/10", "fe80::1%eth0", true},
	}
	for _, test := range tests {
		network, err := ParseNetwork(test.allow)
		if err != nil {
			t.Fatal(err)
		}
		err = newGuard(Options{AllowNetworks: []netip.Prefix{network}}).judge(netip.MustParseAddr(test.addr))
		if (err == nil) != test.want {
			t.Errorf("%s with %s allowed: %v", test.addr, test.allow, err)
		}
	}
}

func TestParseNetworkSaysWhatToWrite(t *testing.T) {
	for _, text := range []string{"", "lan", "10.0.0.0/33", "::ffff:10.0.0.0/90", "10.0.0.1-10.0.0.9"} {
		if _, err := ParseNetwork(text); err == nil || !strings.Contains(err.Error(), "192.168.0.0/16") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Every dial is judged after the name was resolved, so a harmless name that
// points inside is refused, and nothing is sent.
func TestDialIsRefusedAfterResolution(t *testing.T) {
	called := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	inside, _ := url.Parse(server.URL)
	byName := *inside
	byName.Host = "localhost:" + inside.Port()
	for _, u := range []*url.URL{inside, &byName} {
		client := New(Options{AllowOption: "allow_networks"})
		_, err := client.Do(t.Context(), Request{Method: "GET", URL: u})
		if !errors.Is(err, ErrAddressRefused) || sdk.KindOf(err) != sdk.Denied {
			t.Errorf("%s: %v (%s), want a Denied refusal", u, err, sdk.KindOf(err))
		}
		if reached := client.Reach(t.Context(), u); !errors.Is(reached, ErrAddressRefused) {
			t.Errorf("Reach %s: %v", u, reached)
		}
	}
	if called {
		t.Error("the server was called")
	}
}

func TestEnvironmentsProxyIsNotUsed(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	if NewTransport(Options{}).Proxy != nil {
		t.Error("the transport asks the environment for a proxy")
	}
}
