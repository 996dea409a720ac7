//go:build !linux

package sse

// owed is not known here; progress is what the kernel takes.
func (socket) owed() (debt, bool) { return debt{}, false }

// bound does nothing here.
func (socket) bound() error { return nil }
