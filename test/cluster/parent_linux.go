package cluster

import "syscall"

// DieWithParent makes the kernel send s to the child when this program dies, for any reason.
func DieWithParent(child *syscall.SysProcAttr, s syscall.Signal) { child.Pdeathsig = s }
