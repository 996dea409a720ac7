package models

import "regexp"

// What an emoji is made of, after UTS #51: the characters with the property Emoji below U+10000, and above it the blocks
// of pictographs whole, so that the emoji of a later Unicode pass too.
const (
	pictograph = `[\x{A9}\x{AE}\x{203C}\x{2049}\x{2122}\x{2139}\x{2194}-\x{2199}\x{21A9}\x{21AA}\x{231A}\x{231B}\x{2328}` +
		`\x{23CF}\x{23E9}-\x{23F3}\x{23F8}-\x{23FA}\x{24C2}\x{25AA}\x{25AB}\x{25B6}\x{25C0}\x{25FB}-\x{25FE}` +
		`\x{2600}-\x{27BF}\x{2934}\x{2935}\x{2B05}-\x{2B07}\x{2B1B}\x{2B1C}\x{2B50}\x{2B55}\x{3030}\x{303D}\x{3297}\x{3299}` +
		`\x{1F004}\x{1F0CF}\x{1F170}\x{1F171}\x{1F17E}\x{1F17F}\x{1F18E}\x{1F191}-\x{1F19A}\x{1F201}\x{1F202}\x{1F21A}` +
		`\x{1F22F}\x{1F232}-\x{1F23A}\x{1F250}\x{1F251}\x{1F300}-\x{1F6FF}\x{1F7E0}-\x{1F7FF}\x{1F90C}-\x{1F9FF}\x{1FA70}-\x{1FAFF}]`
	modification = `(?:\x{FE0F}|[\x{1F3FB}-\x{1F3FF}]|[\x{E0020}-\x{E007E}]+\x{E007F})`
	pictured     = pictograph + modification + `?`
	keycap       = `[0-9#*]\x{FE0F}?\x{20E3}`
	flag         = `[\x{1F1E6}-\x{1F1FF}]{2}`
)

var oneEmoji = regexp.MustCompile(`^(?:` + pictured + `(?:\x{200D}` + pictured + `)*|` + keycap + `|` + flag + `)$`)

// IsEmoji reports whether s is a single emoji of at most MaxEmojiBytes: one grapheme cluster, and neither text nor several
// of them.
func IsEmoji(s string) bool { return len(s) <= MaxEmojiBytes && oneEmoji.MatchString(s) }
