package handlers

import (
	"strings"
	"unicode/utf8"
)

// visibleASCII reports whether s has 1 to limit characters, all of them visible ASCII.
func visibleASCII(s string, limit int) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= limit
}

// storable reports whether s is text that the databases can store: UTF-8 without U+0000.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// cut returns the first limit characters of s.
func cut(s string, limit int) string {
	n := 0
	for i := range s {
		if n == limit {
			return s[:i]
		}
		n++
	}
	return s
}
