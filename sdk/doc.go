// Package sdk is what a connector author imports, and all of it.
//
// A connector is a separate process that translates between the host's product
// and one platform's API. Its main function is one call of [Serve]; its one
// required method is Apply; everything else is an optional one-method interface
// that the SDK finds on the value that Open returned.
//
// The host keeps order, retries, pacing, batching and bookkeeping. A connector
// writes what it is told, says per product what became of it, and classifies
// what went wrong by the kinds of [Error]. Nothing else is asked of it.
//
// Concurrency: the host may call any method of a connector from several
// goroutines at once, up to the in-flight limit that the connector declares; it
// never has two changes of one product in flight.
package sdk
