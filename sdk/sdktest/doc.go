// Package sdktest tests connectors. Open gives a test the host's view of a
// connector, Run holds a connector to its contract, Platform stands in for the
// platform's API, and Memory is the smallest connector that keeps every promise.
//
// Everything goes through the real wire: go-plugin's server, gRPC, message
// limits and all, in the process of the test. So it runs under the race
// detector, and what passes here passes in the host.
package sdktest
