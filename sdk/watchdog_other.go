//go:build unix && !linux

package sdk

// signalOnParentDeath does nothing: only Linux has such a signal.
func signalOnParentDeath() {}
