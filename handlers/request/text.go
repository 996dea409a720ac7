package request

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

// Storable reports whether s is text that the databases can store: UTF-8 without U+0000.
func Storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Truncate returns the first limit characters of s.
func Truncate(s string, limit int) string {
	n := 0
	for i := range s {
		if n == limit {
			return s[:i]
		}
		n++
	}
	return s
}
