package store

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/parley-chat/parley/models"
)

// What is searched is folded and split here and nowhere else: the databases would each do it by rules of their own, and
// answer the same question differently.

// maxWord is how many characters of a word are compared. PostgreSQL takes no word of more than 2,046 bytes.
const maxWord = 64

// searchKey is what a message is found by.
type searchKey struct {
	start string
	words []string
}

func searchKeyOf(text string) searchKey { return searchKey{foldStart(text), wordsOf(text)} }

// foldStart is the start of a text without its case, as far as searches for a start reach.
func foldStart(text string) string {
	return firstRunes(foldCase(firstRunes(text, models.MaxSearchLength)), models.MaxSearchLength)
}

func foldCase(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	return cases.Fold().String(text)
}

// startRange bounds the strings that start with prefix: from ≤ s < to, in the order of their bytes.
func startRange(prefix string) (from, to string) {
	last := []rune(prefix)
	for i := len(last) - 1; i >= 0; i-- {
		switch r := last[i]; r {
		case utf8.MaxRune:
			continue
		case 0xD7FF: // before the surrogates, which are no characters
			last[i] = 0xE000
		default:
			last[i] = r + 1
		}
		return prefix, string(last[:i+1])
	}
	return prefix, string(slices.Repeat([]rune{utf8.MaxRune}, len(last)+1))
}

// wordsOf is the set of a text's words, in the order of their bytes, without case, accents and differences of width.
// Letters, marks and digits make words; where a script writes none between its words, each letter is one.
func wordsOf(text string) []string {
	var words []string
	if folded := foldAccents(text); isASCII(folded) {
		words = splitASCII(folded)
	} else {
		words = split(folded)
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func split(folded string) []string {
	var s splitter
	for _, r := range folded {
		s.add(r)
	}
	s.end()
	return s.words
}

// splitASCII is split for most texts there are, whose words it need not copy.
func splitASCII(folded string) []string {
	words := make([]string, 0, len(folded)/4)
	begin := -1 // of the word that i is in
	for i := 0; i <= len(folded); i++ {
		switch {
		case i < len(folded) && isWordByte(folded[i]):
			if begin < 0 {
				begin = i
			}
		case begin >= 0:
			words = append(words, folded[begin:min(i, begin+maxWord)])
			begin = -1
		}
	}
	return words
}

// isWordByte reports whether a character of folded ASCII belongs to words.
func isWordByte(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' }

// foldAccents decomposes text and folds its case; what the one does makes work for the other, so it is done twice.
func foldAccents(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	fold := cases.Fold()
	return norm.NFKD.String(fold.String(norm.NFKD.String(fold.String(text))))
}

// splitter gathers words from folded text.
type splitter struct {
	words []string
	word  []rune
	whole bool // the word is a letter of a script without spaces
}

func (s *splitter) add(r rune) {
	switch {
	case r < utf8.RuneSelf:
		if !isWordByte(byte(r)) {
			s.end()
			return
		}
		s.extend(r)
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r):
		// Soft hyphens, joiners and the like are not seen, so they divide nothing.
	case unicode.IsMark(r):
		if len(s.word) > 0 && !isAccent(r) {
			s.put(r)
		}
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) &&
		unicode.IsLetter(r):
		s.end()
		s.put(r)
		s.whole = true
	case unicode.IsLetter(r), unicode.IsNumber(r):
		s.extend(r)
	default:
		s.end()
	}
}

func (s *splitter) extend(r rune) {
	if s.whole {
		s.end()
	}
	s.put(r)
}

func (s *splitter) put(r rune) {
	if len(s.word) < maxWord {
		s.word = append(s.word, r)
	}
}

func (s *splitter) end() {
	if len(s.word) > 0 {
		s.words = append(s.words, string(s.word))
	}
	s.word, s.whole = s.word[:0], false
}

// The combining classes (of Unicode) of marks that are no accents: without them a letter would be another one.
const (
	classVowelSign = 0
	classVoicing   = 8 // of kana
	classVirama    = 9
)

func isAccent(mark rune) bool {
	switch norm.NFKD.PropertiesString(string(mark)).CCC() {
	case classVowelSign, classVoicing, classVirama:
		return false
	}
	return true
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
