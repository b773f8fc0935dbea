package receive

import (
	"net/url"
	"strings"
)

const secretSegment = "{secret}"

// routes finds a receiver by the path of a request, which must match exactly:
// nothing is cleaned, and no character may be escaped that need not be.
type routes struct {
	all    []*receiver
	exact  map[string]*receiver
	hidden []hiddenRoute
}

// hiddenRoute is a path with the secret as one of its segments.
type hiddenRoute struct {
	before, behind string
	receiver       *receiver
}

func (rs *routes) add(path string, r *receiver) {
	rs.all = append(rs.all, r)
	if before, behind, ok := strings.Cut(path, secretSegment); ok {
		rs.hidden = append(rs.hidden, hiddenRoute{before, behind, r})
		return
	}
	if rs.exact == nil {
		rs.exact = make(map[string]*receiver)
	}
	rs.exact[path] = r
}

// find gives the receiver at an escaped path, and what stands at {secret}.
func (rs *routes) find(path string) (r *receiver, secret string) {
	if r := rs.exact[path]; r != nil {
		return r, ""
	}
	for _, route := range rs.hidden {
		rest, ok := strings.CutPrefix(path, route.before)
		if !ok {
			continue
		}
		segment, ok := strings.CutSuffix(rest, route.behind)
		if !ok || strings.Contains(segment, "/") {
			continue
		}
		if text, err := url.PathUnescape(segment); err == nil {
			return route.receiver, text
		}
	}
	return nil, ""
}

// named gives the receiver of a name, or nil.
func (rs *routes) named(name string) *receiver {
	for _, r := range rs.all {
		if r.config.Name == name {
			return r
		}
	}
	return nil
}

// hasSecretPath says whether the receiver's path holds the secret.
func hasSecretPath(path string) bool { return strings.Contains(path, secretSegment) }
