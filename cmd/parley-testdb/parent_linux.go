package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// signalOnParentDeath has the kernel send s to this program when its own parent dies. Without it a killed parent
// leaves the tests and the server running to their end, which is untidy and no worse, so a refusal is no error.
func signalOnParentDeath(s syscall.Signal) {
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(s), 0, 0, 0)
}
