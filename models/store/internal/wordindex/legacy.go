package wordindex

import (
	"slices"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// LegacyWords returns the set of a text's words by the rules of schema 3 to 15, by which messages are found until they
// are indexed again: without case and accents, and each letter a word by itself where a script writes no spaces between
// words.
func LegacyWords(text string) []string {
	words := []string{}
	var word []rune
	whole := false // the word is a letter of a script without spaces
	end := func() {
		if len(word) > 0 {
			words = append(words, string(word))
		}
		word, whole = word[:0], false
	}
	put := func(r rune) {
		if len(word) < maxWord {
			word = append(word, r)
		}
	}
	for _, r := range decompose(text) {
		switch {
		case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r):
		case unicode.IsMark(r):
			if class := norm.NFKD.PropertiesString(string(r)).CCC(); len(word) > 0 &&
				(class == classVowelSign || class == classVoicing || class == classVirama) {
				put(r)
			}
		case unicode.IsLetter(r) && unicode.In(r, legacyUnspaced...):
			end()
			put(r)
			whole = true
		case unicode.IsLetter(r), unicode.IsNumber(r):
			if whole {
				end()
			}
			put(r)
		default:
			end()
		}
	}
	end()
	slices.Sort(words)
	return slices.Compact(words)
}

var legacyUnspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
}
