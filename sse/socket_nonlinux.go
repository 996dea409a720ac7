//go:build !linux

package sse

// sendState is not known here; progress is what the kernel takes.
func (socket) sendState() (sendState, bool) { return sendState{}, false }

// limitUnsent does nothing here.
func (socket) limitUnsent() error { return nil }
