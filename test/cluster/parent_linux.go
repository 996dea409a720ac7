package cluster

import "syscall"

// DieWithParent has the kernel send s to the child when this program dies, however it dies.
func DieWithParent(child *syscall.SysProcAttr, s syscall.Signal) { child.Pdeathsig = s }
