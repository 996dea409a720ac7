package wordindex

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Normalize returns a text as its words are compared: without case, accents, and differences of width and form; letters
// are composed again, so that the syllables of Korean are one character each. Invisible characters are removed, except
// for those that separate words or join emoji.
func Normalize(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	var f normalizer
	f.Grow(len(text))
	for _, r := range decompose(text) {
		f.add(r)
	}
	return norm.NFC.String(f.String())
}

// decompose decomposes a text and removes its case. Each of the two may make the other necessary again, so both are
// done twice.
func decompose(text string) string {
	caseFolder := cases.Fold()
	return norm.NFKD.String(caseFolder.String(norm.NFKD.String(caseFolder.String(text))))
}

const (
	zeroWidthSpace  = '\u200b'
	zeroWidthJoiner = '\u200d'
	keycap          = '\u20e3' // encloses the character before it
	fractionSlash   = '\u2044'
	turnedComma     = '\u02bb' // letters that look like apostrophes, and are typed as such
	raisedComma     = '\u02bc'
)

// normalizer writes normalized text from decomposed text.
type normalizer struct {
	strings.Builder

	last rune
}

func (f *normalizer) add(r rune) {
	switch {
	case r < utf8.RuneSelf:
		f.put(r)
	case unicode.IsLetter(r) && !isInvisibleLetter(r) && r != turnedComma && r != raisedComma:
		f.plain(r)
	case r == fractionSlash:
		f.put('/')
	case r == turnedComma, r == raisedComma:
		f.put('\'')
	case r == zeroWidthJoiner, isTag(r):
		if isSymbol(f.last) || isTag(f.last) {
			f.put(r)
		}
	case r != zeroWidthSpace && isInvisible(r), isAccent(r):
	case unicode.Is(unicode.Nd, r):
		f.put(digit(r))
	default:
		f.put(r)
	}
}

func (f *normalizer) plain(r rune) {
	plain, known := plainLetters[r]
	if !known {
		plain, known = arabicForms[r]
	}
	if !known {
		f.put(r)
		return
	}
	for _, r := range plain {
		f.put(r)
	}
}

func (f *normalizer) put(r rune) {
	f.WriteRune(r)
	f.last = r
}

// arabicForms are letters that the keyboards of Arabic, Persian and Urdu write differently, and those whose dots or
// signs are commonly omitted. They are separate letters in Unicode's tables.
var arabicForms = map[rune]string{
	'ی': "ي", 'ى': "ي", 'ک': "ك", 'ہ': "ه", 'ە': "ه", 'ة': "ه", 'ۃ': "ه", 'ٱ': "ا",
}

// digit returns a decimal digit of any script in ASCII. Unicode has them in groups of ten.
func digit(r rune) rune {
	for _, tens := range unicode.Nd.R16 {
		if rune(tens.Lo) <= r && r <= rune(tens.Hi) {
			return '0' + (r-rune(tens.Lo))%10
		}
	}
	for _, tens := range unicode.Nd.R32 {
		if rune(tens.Lo) <= r && r <= rune(tens.Hi) {
			return '0' + (r-rune(tens.Lo))%10
		}
	}
	return r
}

// isInvisible reports whether a character has no glyph of its own, such as soft hyphens, direction marks and variation
// selectors.
func isInvisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// isInvisibleLetter reports whether r is a filler of Korean.
func isInvisibleLetter(r rune) bool { return r == 0x115F || r == 0x1160 }

// isTag reports whether r spells the name of a flag, after its emoji.
func isTag(r rune) bool { return 0xE0020 <= r && r <= 0xE007F }

// isSymbol reports whether r is a picture or a sign that is a word by itself.
func isSymbol(r rune) bool {
	switch {
	case r < utf8.RuneSelf, r == unicode.ReplacementChar, r == 0xFFFC: // the latter stands for an object
		return false
	}
	return unicode.In(r, unicode.So, unicode.Sm, unicode.Sc) || isSkinTone(r)
}

func isSkinTone(r rune) bool { return 0x1F3FB <= r && r <= 0x1F3FF }

// isFlagLetter reports whether r is one of the two letters of a country's flag.
func isFlagLetter(r rune) bool { return 0x1F1E6 <= r && r <= 0x1F1FF }

// The combining classes (of Unicode) of marks that are not accents: without them a letter would be another one.
const (
	classVowelSign = 0
	classNukta     = 7
	classVoicing   = 8 // of kana
	classVirama    = 9
)

// accented are the scripts whose marks tell how letters are pronounced or stressed. In those of South and Southeast
// Asia marks are vowels and tones.
var accented = []*unicode.RangeTable{
	unicode.Inherited, unicode.Common, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Armenian, unicode.Coptic,
	unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Glagolitic, unicode.Ethiopic, unicode.Nko, unicode.Adlam,
}

// isAccent reports whether r is a mark that is removed. The nukta of Indian scripts is, which few people type; in
// Burmese it is the dot of a tone.
func isAccent(r rune) bool {
	if !unicode.IsMark(r) {
		return false
	}
	switch class := norm.NFKD.PropertiesString(string(r)).CCC(); class {
	case classVowelSign:
		return unicode.Is(unicode.Me, r) && r != keycap
	case classVoicing, classVirama:
		return false
	case classNukta:
		return !unicode.Is(unicode.Myanmar, r)
	default:
		return unicode.In(r, accented...)
	}
}
