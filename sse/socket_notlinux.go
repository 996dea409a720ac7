//go:build !linux

package sse

// pending is not asked for here; progress is what the kernel takes.
func (socket) pending() (int, bool) { return 0, false }
