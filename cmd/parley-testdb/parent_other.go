//go:build unix && !linux

package main

import "syscall"

// Only Linux tells a child of its parent's death. Elsewhere a parent that is killed outright leaves its
// children behind; one that is asked to stop does not.

func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}

func signalOnParentDeath(syscall.Signal) {}
