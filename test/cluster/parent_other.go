//go:build unix && !linux

package cluster

import "syscall"

// DieWithParent does nothing here: only Linux tells a child of its parent's death. Elsewhere a parent that is killed
// outright leaves its children behind; one that is asked to stop does not.
func DieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
