//go:build unix && !linux

package main

// makeMemoryFolder creates nothing: only Linux has a disk in memory everywhere.
func makeMemoryFolder() (string, error) { return "", nil }
