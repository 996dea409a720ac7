package wordindex

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWord is the number of characters of a word that are compared. PostgreSQL accepts no word of more than 2,046 bytes.
const maxWord = 64

type termKind int

const (
	_          termKind = iota
	kindWord            // letters, marks and digits, and signs right behind them (C++, C#, 100%)
	kindRun             // letters of scripts that write no spaces between words, or parts of words that are searched for
	kindSymbol          // an emoji, or another sign that is no punctuation
)

// term is a part of a text that can be searched for.
type term struct {
	// text is as the index has it: signs of ASCII are those of full width, which no normalized text has.
	text string
	kind termKind
	// sign is the @, # or $ right before a word.
	sign byte
	// joined: between it and the word before there is one character, as in o'clock, 3.14, wool_socks, anna@example.com.
	joined bool
}

// Words returns the set of what the index has of a text, in the order of the bytes. A run is indexed as all of
// its pairs of neighbours, and its last letter alone.
func Words(text string) []string {
	const wordLength = 4 // and what is between two, of most
	words := make([]string, 0, len(text)/wordLength)
	for t := range terms(Normalize(text)) {
		if t.sign != 0 {
			words = append(words, t.signed())
		}
		if t.kind == kindRun {
			words = appendPairs(words, t.text)
		} else {
			words = append(words, t.text)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// signed returns the start of a term with its sign, as the index has it.
func (t term) signed() string {
	text := t.text
	if t.kind == kindRun {
		text = firstRunes(text, 2)
	}
	return string(fullWidth(t.sign)) + text
}

// appendPairs appends all pairs of neighbours of a run, and its last letter.
func appendPairs(words []string, run string) []string {
	first, second := 0, 0 // the starts of two neighbours
	for i := range run {
		if i > 0 {
			if second > 0 {
				words = append(words, run[first:i])
				first = second
			}
			second = i
		}
	}
	if second > 0 {
		words = append(words, run[first:])
		first = second
	}
	return append(words, run[first:])
}

// fullWidth returns a sign of ASCII in its form of full width, which the databases take for a letter.
func fullWidth(sign byte) rune { return rune(sign) + 0xFEE0 }

// terms splits normalized text into terms.
func terms(normalized string) iter.Seq[term] {
	return func(yield func(term) bool) {
		var before term
		end := -1 // of the term before
		for at := 0; at < len(normalized); {
			if isGap[normalized[at]] {
				at++
				continue
			}
			t, next := termAt(normalized, at)
			if t.kind == 0 {
				at = next
				continue
			}
			if t.kind != kindSymbol && end < at-1 {
				t.sign = leadingSign(normalized[:at])
			}
			t.joined = before.kind == kindWord && t.kind == kindWord && isJoint(normalized, end, at)
			if !yield(t) {
				return
			}
			before, end, at = t, next, next
		}
	}
}

func leadingSign(before string) byte {
	if before != "" && strings.IndexByte("@#$", before[len(before)-1]) >= 0 {
		return before[len(before)-1]
	}
	return 0
}

// isJoint reports whether the text between two words joins them. Signs that belong to the first need nothing more.
func isJoint(normalized string, from, to int) bool {
	between := normalized[from:to]
	switch between {
	case "":
		return true
	case ",":
		return isDigit(normalized[from-1]) && isDigit(normalized[to])
	}
	r, size := utf8.DecodeRuneInString(between)
	return size == len(between) && strings.ContainsRune(".-_/:@'’\"׳״&\\·‐", r)
}

// termAt returns the term that begins at an offset of a text, and where the text continues after it. The kind is zero
// if none begins there.
func termAt(normalized string, at int) (t term, next int) {
	r, size := runeAt(normalized, at)
	switch class := classOf(r); class {
	case classWord:
		return wordAt(normalized, at)
	case classRun:
		end := endOf(normalized, at, classRun)
		// The end of a word within a run may be marked by a space that is invisible.
		return term{text: strings.ReplaceAll(normalized[at:end], string(zeroWidthSpace), ""), kind: kindRun}, end
	case classSymbol:
		end := symbolEnd(normalized, at)
		return term{text: firstRunes(normalized[at:end], maxWord), kind: kindSymbol}, end
	}
	if (r == '#' || r == '*') && hasKeycap(normalized, at+1) {
		return term{text: keycapOf(fullWidth(byte(r))), kind: kindSymbol}, at + 1 + utf8.RuneLen(keycap)
	}
	return term{}, at + size
}

func wordAt(normalized string, at int) (t term, next int) {
	end := endOf(normalized, at, classWord)
	if digit := end - 1; hasKeycap(normalized, end) && isDigit(normalized[digit]) {
		if digit > at {
			return term{text: firstRunes(normalized[at:digit], maxWord), kind: kindWord}, digit
		}
		next = end + utf8.RuneLen(keycap)
		return term{text: keycapOf(rune(normalized[at])), kind: kindSymbol}, next
	}
	word := normalized[at:end]
	for next = end; isTrailingSign(normalized, next); next++ {
		if next-end < maxWord {
			word += string(fullWidth(normalized[next]))
		}
	}
	return term{text: firstRunes(word, maxWord), kind: kindWord}, next
}

// isTrailingSign reports whether there is a sign that belongs to the word before it.
func isTrailingSign(normalized string, at int) bool {
	return at < len(normalized) && strings.IndexByte("+#%", normalized[at]) >= 0 && !hasKeycap(normalized, at+1)
}

// keycapOf begins with the cap, so that a digit is not a prefix of it.
func keycapOf(r rune) string { return string(keycap) + string(r) }

// isGap are the bytes of normalized text where no term begins and which are not part of one, for speed.
var isGap = func() (gap [256]bool) {
	for c := range byte(utf8.RuneSelf) {
		gap[c] = !isWordByte(c) && c != '#' && c != '*' // with a keycap
	}
	return gap
}()

// isWordByte reports whether a character of normalized ASCII belongs to words.
func isWordByte(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func hasKeycap(normalized string, at int) bool {
	return strings.HasPrefix(normalized[at:], string(keycap))
}

// endOf returns where the letters of a class end, including their marks.
func endOf(normalized string, at int, class charClass) int {
	for at < len(normalized) {
		if class == classWord && isWordByte(normalized[at]) {
			at++
			continue
		}
		r, size := runeAt(normalized, at)
		c := classOf(r)
		if c == classSpace && class == classRun { // within the run alone
			if after, _ := runeAt(normalized, at+size); classOf(after) != classRun {
				return at
			}
		} else if c != class && c != classMark {
			return at
		}
		at += size
	}
	return at
}

// symbolEnd returns where an emoji or another symbol ends: a flag has two letters or tags after it, others a skin tone,
// and some are several with joiners in between.
func symbolEnd(normalized string, at int) int {
	first, size := runeAt(normalized, at)
	at += size
	if isFlagLetter(first) {
		if r, size := runeAt(normalized, at); isFlagLetter(r) {
			at += size
		}
		return at
	}
	for at < len(normalized) {
		r, size := runeAt(normalized, at)
		switch {
		case isSkinTone(r), isTag(r):
		case r == zeroWidthJoiner:
			joined, more := runeAt(normalized, at+size)
			if !isSymbol(joined) {
				return at
			}
			size += more
		default:
			return at
		}
		at += size
	}
	return at
}

// runeAt returns the character at an offset of a text, which may be its end.
func runeAt(text string, at int) (r rune, size int) {
	if at < len(text) && text[at] < utf8.RuneSelf {
		return rune(text[at]), 1
	}
	return utf8.DecodeRuneInString(text[at:])
}

type charClass int

const (
	classNone charClass = iota
	classWord
	classRun
	classMark // of the letter before it
	classSymbol
	classSpace // not seen
)

// unspaced are the scripts that write no spaces between words, and that of Korean, whose words are composed of others
// and of particles.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Thai, unicode.Lao,
	unicode.Khmer, unicode.Myanmar, unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Tai_Viet,
	unicode.Javanese, unicode.Balinese, unicode.Yi, unicode.Tangut, unicode.Nushu, unicode.Khitan_Small_Script,
	unspacedMarks,
}

// firstUnspaced is before all of their letters.
const firstUnspaced = '\u0e00'

// unspacedMarks lengthen or repeat letters of Japanese, and belong to no script.
var unspacedMarks = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x3006, Hi: 0x3006, Stride: 1}, {Lo: 0x3031, Hi: 0x3035, Stride: 1}, {Lo: 0x303C, Hi: 0x303C, Stride: 1},
	{Lo: 0x30FC, Hi: 0x30FC, Stride: 1},
}}

func classOf(r rune) charClass {
	switch {
	case r < utf8.RuneSelf:
		if isWordByte(byte(r)) {
			return classWord
		}
	case unicode.IsLetter(r), unicode.IsNumber(r):
		if r >= firstUnspaced && unicode.In(r, unspaced...) {
			return classRun
		}
		return classWord
	case r == keycap:
	case unicode.IsMark(r):
		return classMark
	case r == zeroWidthSpace:
		return classSpace
	case isSymbol(r):
		return classSymbol
	}
	return classNone
}
