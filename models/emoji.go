package models

import (
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// What emoji are put together with (UTS #51).
const (
	joiner       = '\u200D'
	presentation = '\uFE0F' // asks for the coloured picture of what may also be text
	keycapMark   = '\u20E3'
	tagsEnd      = '\U000E007F'
	// lastTextual is the last character that is text unless presentation follows; every later emoji is a picture at once.
	lastTextual = '\U0001F6F3'
)

// ParseEmoji is the emoji that s is, in the one spelling in which it is stored and shown; false for what is none. An
// emoji is one grapheme cluster of at most MaxEmojiBytes, and a pictograph, a keycap or a flag. With and without U+FE0F
// it is the same emoji: the spelling has it wherever Unicode's own does (fully-qualified, UTS #51), so that it is shown
// in colour and is what pickers send. Skin tones make different ones.
func ParseEmoji(s string) (emoji string, ok bool) {
	if len(s) > MaxEmojiBytes || uniseg.GraphemeClusterCount(s) != 1 {
		return "", false
	}
	bare := []rune(strings.ReplaceAll(s, string(presentation), ""))
	switch {
	case len(bare) == 2 && strings.ContainsRune("0123456789#*", bare[0]) && bare[1] == keycapMark:
		return string([]rune{bare[0], presentation, keycapMark}), true
	case len(bare) == 2 && isRegional(bare[0]) && isRegional(bare[1]):
		return string(bare), true
	}
	emoji, ok = spelled(bare)
	return emoji, ok && len(emoji) <= MaxEmojiBytes
}

// spelled spells pictographs that joiners combine into one, each with its skin tone or its tags.
func spelled(bare []rune) (string, bool) {
	var b strings.Builder
	for len(bare) > 0 {
		first, rest := bare[0], bare[1:]
		if !isPictograph(first) && !isSkinTone(first) {
			return "", false
		}
		b.WriteRune(first)
		switch {
		case len(rest) > 0 && isSkinTone(rest[0]):
			b.WriteRune(rest[0])
			rest = rest[1:]
		case len(rest) > 0 && isTag(rest[0]):
			n := 0
			for n < len(rest) && isTag(rest[n]) {
				n++
			}
			if n == len(rest) || rest[n] != tagsEnd {
				return "", false
			}
			b.WriteString(string(rest[:n+1]))
			rest = rest[n+1:]
		case isTextual(first):
			b.WriteRune(presentation)
		}
		if len(rest) == 0 {
			return b.String(), true
		}
		if rest[0] != joiner {
			return "", false
		}
		b.WriteRune(joiner)
		bare = rest[1:]
	}
	return "", false // nothing, or nothing behind a joiner
}

// isPictograph reports whether r has the property Extended_Pictographic, including emoji that are not in Unicode yet: a
// joiner combines one with another pictograph, and nothing else (UAX #29, rule GB11).
func isPictograph(r rune) bool {
	return uniseg.GraphemeClusterCount(string([]rune{r, joiner, '\U0001F600'})) == 1
}

// isTextual reports whether a pictograph is shown as text unless presentation follows, and is therefore narrow.
func isTextual(r rune) bool {
	return r <= lastTextual && unicode.IsGraphic(r) && uniseg.StringWidth(string(r)) == 1
}

func isRegional(r rune) bool { return r >= '\U0001F1E6' && r <= '\U0001F1FF' }

func isSkinTone(r rune) bool { return r >= '\U0001F3FB' && r <= '\U0001F3FF' }

func isTag(r rune) bool { return r >= '\U000E0020' && r < tagsEnd }
