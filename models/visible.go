package models

import (
	"strings"
	"unicode"
)

// IsVisible reports whether text has at least one character that is neither white space, nor a control, nor one that
// only affects the characters around it (joiners, fillers, variation selectors, tags, direction marks).
func IsVisible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsSpace(r) && !isInvisible(r) })
}

// isInvisible reports whether r has no visible glyph: Unicode's Default_Ignorable_Code_Point, the other format
// characters, controls, noncharacters, and blanks that Unicode has as letters and symbols.
func isInvisible(r rune) bool {
	switch {
	// of format, and yet seen: Arabic number signs and their like
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
		unicode.Noncharacter_Code_Point, blanks):
		return true
	}
	return false
}

// blanks are drawn as nothing by their definition, though they are letters, marks and symbols.
var blanks = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}}, // BRAILLE PATTERN BLANK
	R32: []unicode.Range32{
		{Lo: 0x13441, Hi: 0x13442, Stride: 1}, // EGYPTIAN HIEROGLYPH FULL BLANK and HALF BLANK
		{Lo: 0x16FE4, Hi: 0x16FE4, Stride: 1}, // KHITAN SMALL SCRIPT FILLER
		{Lo: 0x1D159, Hi: 0x1D159, Stride: 1}, // MUSICAL SYMBOL NULL NOTEHEAD
	},
}

// visible requires that a text that is not empty has a visible character.
func (c *check) visible(field, text string) {
	if text != "" && !IsVisible(text) {
		c.fail(field, "must show at least one visible character")
	}
}
