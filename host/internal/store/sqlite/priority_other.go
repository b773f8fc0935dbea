//go:build !linux

package sqlite

// afterOthers does nothing: no other system has priorities of threads that anybody may lower.
func afterOthers() {}
