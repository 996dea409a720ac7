//go:build unix && !linux

package main

import "syscall"

// signalOnParentDeath does nothing on this system: only Linux can notify a child of its parent's death.
func signalOnParentDeath(syscall.Signal) {}
