// Package rest is an HTTP client for connectors: it turns a platform's answers
// into the error kinds of package sdk, refuses to dial into networks that the
// operator did not allow, and sums up what was said for the delivery record
// without the secrets in it.
//
// A client follows no redirects, uses no proxy from the environment, keeps its
// connections, and reads a bounded part of each answer. It never repeats a
// request by itself: the host does that. An answer that got lost is a plain
// error, since what became of the request is unknown.
package rest
