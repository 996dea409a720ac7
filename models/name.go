package models

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// NameKey is the form in which two usernames or handles are compared: RFC 8265 UsernameCaseMapped, which folds case and
// width and normalises (NFC). ok is false when name is none that the contract allows: letters, digits, "_", "-" and
// ".", starting with a letter, MinNameLength to most characters, before and after the folding. Letters of different
// scripts stand together only where a language writes them so: a Cyrillic "а" in a Latin name would pass for another's
// name.
func NameKey(name string, most int) (key string, ok bool) {
	if !utf8.ValidString(name) || !lengthWithin(name, most) {
		return "", false
	}
	key, err := precis.UsernameCaseMapped.String(name)
	if err != nil || !lengthWithin(key, most) {
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
	return key, oneWriting(key)
}

func lengthWithin(name string, most int) bool {
	n := utf8.RuneCountInString(name)
	return n >= MinNameLength && n <= most
}

// NameStart normalizes the start of a name as NameKey normalizes names, whether or not it is the start of a valid one.
func NameStart(prefix string) string {
	return norm.NFC.String(cases.Lower(language.Und, cases.HandleFinalSigma(false)).String(width.Fold.String(prefix)))
}

func (c *check) name(field, value string, most int) {
	if value == "" {
		c.fail(field, "is required")
		return
	}
	if _, ok := NameKey(value, most); !ok {
		c.fail(field, "must be %d to %d letters of one script, digits, _, - or ., and start with a letter", MinNameLength,
			most)
	}
}
