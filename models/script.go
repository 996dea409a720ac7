package models

import "unicode"

// writings are the combinations of scripts that a language is written in ("Highly Restrictive" in Unicode's UTS 39).
var writings = [][]string{
	{"Latin", "Han", "Hiragana", "Katakana"}, // Japanese
	{"Latin", "Han", "Hangul"},               // Korean
	{"Latin", "Han", "Bopomofo"},             // Chinese
}

// neutral characters may be in any script.
var neutral = []*unicode.RangeTable{unicode.Common, unicode.Inherited}

// arabicDigits are shared by several scripts of one family, so Unicode has them in none of them. Some look like letters
// of other scripts.
var arabicDigits = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x0660, Hi: 0x0669, Stride: 1}, {Lo: 0x06F0,
	Hi: 0x06F9, Stride: 1}}}

// kin are the scripts that arabicDigits belong to.
var kin = map[string]bool{"Arabic": true, "Syriac": true, "Thaana": true, "Yezidi": true, "Hanifi_Rohingya": true}

// oneWriting reports whether text is in one script, or in a combination that a language is written in.
func oneWriting(text string) bool {
	scripts := map[string]bool{}
	digits := false
	for _, r := range text {
		switch {
		case unicode.Is(arabicDigits, r):
			digits = true
		case !unicode.In(r, neutral...):
			scripts[scriptOf(r)] = true
		}
	}
	if digits {
		for script := range scripts {
			if !kin[script] {
				return false
			}
		}
	}
	if len(scripts) <= 1 {
		return true
	}
	for _, w := range writings {
		if within(scripts, w) {
			return true
		}
	}
	return false
}

func within(scripts map[string]bool, writing []string) bool {
	n := 0
	for _, script := range writing {
		if scripts[script] {
			n++
		}
	}
	return n == len(scripts)
}

func scriptOf(r rune) string {
	if r < unicode.MaxASCII || unicode.Is(unicode.Latin, r) { // most names
		return "Latin"
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return ""
}
