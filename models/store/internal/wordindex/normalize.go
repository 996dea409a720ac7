package wordindex

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/parley-chat/parley/models"
)

// Key is what a message is found by: the normalized start of its text, and its words.
type Key struct {
	Start string
	Words []string
}

// KeyOf returns the key of a message with that text.
func KeyOf(text string) Key { return Key{NormalizeStart(text), Words(text)} }

// NormalizeStart returns the start of a text without its case, as far as searches for a start reach.
func NormalizeStart(text string) string {
	const composed = 4 // characters, at most, that become one
	return firstRunes(NormalizeCase(firstRunes(text, composed*models.MaxSearchLength)), models.MaxSearchLength)
}

// NormalizeCase removes the case, and the difference between the two spellings of a letter with an accent (NFC, NFD).
func NormalizeCase(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	// Capitals with an accent may become small letters with a separate accent, and separate accents may be in another
	// order.
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(text)))
}

// PrefixRange returns the bounds of the strings that start with prefix: from ≤ s < to, in the order of their bytes.
func PrefixRange(prefix string) (from, to string) {
	last := []rune(prefix)
	for i := len(last) - 1; i >= 0; i-- {
		switch r := last[i]; r {
		case utf8.MaxRune:
			continue
		case 0xD7FF: // before the surrogates, which are not characters
			last[i] = 0xE000
		default:
			last[i] = r + 1
		}
		return prefix, string(last[:i+1])
	}
	return prefix, string(slices.Repeat([]rune{utf8.MaxRune}, len(last)+1))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func firstRunes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := 0
	for i := range s {
		if n == most {
			return s[:i]
		}
		n++
	}
	return s
}

// RoomWords returns the words of a message with spaces between them. Each begins with its room, so that a search in one
// room costs nothing for the messages of others. separator stands between the room's id and the word.
func RoomWords(roomID int64, separator string, words []string) string {
	const wordLength = 8 // bytes of most words
	prefix := RoomPrefix(roomID, separator)
	var b strings.Builder
	b.Grow(len(words) * (len(prefix) + wordLength))
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(prefix)
		b.WriteString(w)
	}
	return b.String()
}

// RoomPrefix returns what each word of a room begins with.
func RoomPrefix(roomID int64, separator string) string {
	return strconv.FormatInt(roomID, 10) + separator
}
