package config

import "testing"

func TestAddress(t *testing.T) {
	for name, c := range map[string]struct {
		host     Host
		receiver Receiver
		want     string
		told     bool
	}{
		"where it listens":      {Host{Listen: "127.0.0.1:8470"}, Receiver{Path: "/in"}, "http://127.0.0.1:8470/in", false},
		"by TLS":                {Host{Listen: "[::1]:8470", TLS: TLS{Cert: "a", Key: "b"}}, Receiver{Path: "/in"}, "https://[::1]:8470/in", false},
		"everywhere":            {Host{Listen: ":80"}, Receiver{Path: "/in"}, "http://127.0.0.1:80/in", false},
		"everywhere, in v6":     {Host{Listen: "[::]:80"}, Receiver{Path: "/in"}, "http://127.0.0.1:80/in", false},
		"a secret in the path":  {Host{Listen: "a:80"}, Receiver{Path: "/in/{secret}"}, "http://a:80/in/{secret}", false},
		"a secret in the query": {Host{Listen: "a:80"}, Receiver{Path: "/in", Token: Token{Query: "code"}}, "http://a:80/in?code={secret}", false},
		"its own":               {Host{Listen: "a:80"}, Receiver{Path: "/in", URL: "https://b/x"}, "https://b/x", true},
		"its own, with a query": {Host{}, Receiver{URL: "https://b/x?a=1", Token: Token{Query: "code"}}, "https://b/x?a=1&code={secret}", true},
		"its own, with all":     {Host{}, Receiver{URL: "https://b/x?code={secret}", Token: Token{Query: "code"}}, "https://b/x?code={secret}", true},
	} {
		if got, told := c.host.Address(c.receiver); got != c.want || told != c.told {
			t.Errorf("%s: %s, %v, want %s, %v", name, got, told, c.want, c.told)
		}
	}
}
