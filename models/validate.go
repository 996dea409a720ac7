package models

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// check collects what is wrong with a request, so that a client learns of all of it at once.
type check struct{ fields []FieldError }

func (c *check) fail(field, format string, args ...any) {
	c.fields = append(c.fields, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// length requires between least and most characters and no U+0000, which PostgreSQL cannot store.
func (c *check) length(field, value string, least, most int) {
	switch n := utf8.RuneCountInString(value); {
	case n < least && n == 0:
		c.fail(field, "is required")
	case n < least:
		c.fail(field, "must be at least %d characters", least)
	case n > most:
		c.fail(field, "must be at most %d characters", most)
	case strings.ContainsRune(value, 0):
		c.fail(field, "must not contain the character U+0000")
	}
}

// optional is length for a field that may be left out, but not be empty.
func (c *check) optional(field string, value *string, most int) {
	if value != nil {
		c.length(field, *value, 1, most)
	}
}

// line is length for a text of one line, which has no controls.
func (c *check) line(field, value string, least, most int) {
	c.length(field, value, least, most)
	c.without(field, value, unicode.IsControl)
}

// prose is length for a text of several lines, which may be empty and has no other controls than line breaks and tabs.
func (c *check) prose(field string, value *string, most int) {
	if value == nil {
		return
	}
	c.length(field, *value, 0, most)
	c.without(field, *value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' })
}

func (c *check) without(field, value string, refused func(rune) bool) {
	if i := strings.IndexFunc(value, refused); i >= 0 && !strings.ContainsRune(value, 0) { // which length has reported
		r, _ := utf8.DecodeRuneInString(value[i:])
		c.fail(field, "must not contain the control character %U", r)
	}
}

func (c *check) oneOf(field, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	c.fail(field, "must be one of %s", strings.Join(allowed, ", "))
}

// err is nil when nothing failed. It returns the interface, since a nil *Error in an error is not nil.
func (c *check) err() error {
	if len(c.fields) == 0 {
		return nil
	}
	return InvalidFields(c.fields)
}
