//go:build unix && !linux

package cluster

import "syscall"

// DieWithParent does nothing on this system: only Linux can notify a child of its parent's death. A parent that is
// killed leaves its children behind; one that is asked to stop does not.
func DieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
