//go:build unix && !linux

package main

import "syscall"

// signalOnParentDeath does nothing here: only Linux tells a child of its parent's death.
func signalOnParentDeath(syscall.Signal) {}
