//go:build !linux

package sse

// sendState is unknown on this system; only what the kernel accepts counts as progress.
func (socket) sendState() (sendState, bool) { return sendState{}, false }

// limitUnsent does nothing on this system.
func (socket) limitUnsent() error { return nil }
