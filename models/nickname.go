package models

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// Many emoji contain characters that are invisible by themselves. A sequence of them is a picture: it is kept as it is,
// where elsewhere such a character would be refused or dropped.
const (
	drawn    = `[\p{So}\x{203C}\x{2049}\x{2139}\x{2194}\x{25FD}\x{25FE}\x{3030}\x{303D}\x{1F000}-\x{1FAFF}]`
	modifier = `[\x{FE0E}\x{FE0F}\x{1F3FB}-\x{1F3FF}]`
	joined   = `(?:\x{200D}` + drawn + modifier + `{0,2})`
	tagged   = `\x{1F3F4}[\x{E0030}-\x{E007A}]{1,6}\x{E007F}` // flags of parts of countries
)

// pictures are emoji with what belongs to them, and all characters of the blocks that later emoji come from.
var pictures = regexp.MustCompile(`[0-9#*]\x{FE0F}\x{20E3}|` + tagged + `|` + drawn + modifier + `{1,2}` + joined +
	`*|` + drawn + joined + `+|[\x{1F000}-\x{1FAFF}]`)

// Nickname is a name as it is shown to people and kept, by the profile Nickname of RFC 8266: white space at the ends is
// gone, within it is one space, and compatible forms of a character are the same (NFKC). ok is false when the name
// shows nothing, or holds what the profile refuses: controls, line breaks, invisible characters, and those that turn
// the direction of what stands around them. Emoji keep their joiners and variation selectors.
func Nickname(name string) (shown string, ok bool) {
	const rounds = 4 // RFC 8266 applies the rules until nothing changes, and no more often than this
	if !utf8.ValidString(name) {
		return "", false
	}
	shown = name
	for range rounds {
		before := shown
		shown = besidesPictures(shown, norm.NFKC.String)
		if shown = strings.Join(strings.FieldsFunc(shown, isSpaceSeparator), " "); shown == before {
			break
		}
	}
	if _, err := precis.Nickname.String(pictures.ReplaceAllString(shown, "x")); err != nil {
		return "", false
	}
	first, _ := utf8.DecodeRuneInString(shown)
	// A mark would be drawn on the character before the name.
	return shown, IsVisible(shown) && !unicode.Is(unicode.M, first)
}

func isSpaceSeparator(r rune) bool { return unicode.Is(unicode.Zs, r) }

// besidesPictures returns text with f applied to the parts between its pictures.
func besidesPictures(text string, f func(string) string) string {
	var b strings.Builder
	from := 0
	for _, at := range pictures.FindAllStringIndex(text, -1) {
		b.WriteString(f(text[from:at[0]]))
		b.WriteString(text[at[0]:at[1]])
		from = at[1]
	}
	b.WriteString(f(text[from:]))
	return b.String()
}

// withoutInvisible makes a name that must not be refused fit to be shown: without what Nickname would refuse, and with
// plain spaces. A joiner stays after a letter, where some scripts need it.
func withoutInvisible(name string) string {
	return strings.TrimSpace(besidesPictures(name, func(text string) string {
		last := rune(0)
		return strings.Map(func(r rune) rune {
			switch {
			case unicode.IsSpace(r) && r != '\v' && r != '\f' && r != '\u0085':
				r = ' '
			case (r == '\u200C' || r == '\u200D') && unicode.In(last, unicode.L, unicode.M):
			case isInvisible(r) && !unicode.Is(blanks, r):
				return -1
			}
			last = r
			return r
		}, text)
	}))
}

// nickname requires a name that Nickname accepts, no longer than most, and normalizes it.
func (c *check) nickname(field string, name *string, most int) {
	if name == nil {
		return
	}
	shown, ok := Nickname(*name)
	switch {
	case *name == "":
		c.fail(field, "must not be empty") // also for null in a patch: a name cannot be cleared
	case utf8.RuneCountInString(*name) > most, utf8.RuneCountInString(shown) > most:
		c.fail(field, "must be at most %d characters", most)
	case !ok:
		c.fail(field, "must be a visible name, without line breaks, control characters, invisible ones and those that turn "+
			"the direction of text")
	default:
		*name = shown
	}
}
