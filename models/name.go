package models

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// NameKey is the form in which two usernames or handles are compared: RFC 8265 UsernameCaseMapped, which folds case and
// width and normalises (NFC). ok is false when name is none that the contract allows: letters, digits, "_", "-" and ".",
// starting with a letter, MinNameLength to most characters.
func NameKey(name string, most int) (key string, ok bool) {
	n := utf8.RuneCountInString(name)
	if n < MinNameLength || n > most || !utf8.ValidString(name) {
		return "", false
	}
	key, err := precis.UsernameCaseMapped.String(name)
	if err != nil {
		return "", false
	}
	for i, r := range key {
		letter := unicode.IsLetter(r)
		if i == 0 && !letter {
			return "", false
		}
		if !letter && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '_' && r != '-' && r != '.' {
			return "", false
		}
	}
	return key, true
}

func (c *check) name(field, value string, most int) {
	if value == "" {
		c.fail(field, "is required")
		return
	}
	if _, ok := NameKey(value, most); !ok {
		c.fail(field, "must be %d to %d letters, digits, _, - or ., and start with a letter", MinNameLength, most)
	}
}
