//go:build unix

package main

import "time"

// killNode kills a node as a crash does, and starts it again.
var killNode = &fault{name: "kill-node", lasts: time.Second, harm: func(t *trial) func() {
	t.node.kill()
	return t.node.start
}}
