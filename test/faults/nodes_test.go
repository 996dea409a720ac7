//go:build unix

package faults

import (
	"syscall"
	"time"
)

// killNode kills a node as a crash does, and starts it again.
var killNode = &fault{name: "kill-node", lasts: time.Second, inject: func(t *trial) func() {
	t.node.Kill()
	return t.node.Start
}}

// stopNode freezes a node with its connections, as when its machine swaps or is migrated.
var stopNode = &fault{name: "stop-node", lasts: 8 * time.Second, inject: func(t *trial) func() {
	t.node.Signal(syscall.SIGSTOP)
	return func() { t.node.Signal(syscall.SIGCONT) }
}}
