package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// signalOnParentDeath makes the kernel send s to this program when its parent dies. Without it, the tests and the
// server of a killed parent run to their end, which does no harm. So an error is ignored.
func signalOnParentDeath(s syscall.Signal) {
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(s), 0, 0, 0)
}
