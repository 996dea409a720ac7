package replay

import (
	"crypto/rand"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-chat/parley/models"
)

// usernameOf returns a valid username for a nick: invalid characters become "_", it gets a letter at its start if it
// has none, and a reserved name gets another letter there. Two nicks may get the same username.
func usernameOf(nick string) string {
	name := plainUsernameOf(nick)
	if key, ok := models.NameKey(name, models.MaxUsernameLength); ok && models.IsReserved(key) {
		return "n" + name
	}
	return name
}

func plainUsernameOf(nick string) string {
	if name := shapeUsername(nick, unicode.IsLetter, unicode.IsDigit); validUsername(name) {
		return name
	}
	// Some letters, and some mixtures of scripts, are not valid in usernames. ASCII letters always are.
	return shapeUsername(nick, isASCIILetter, isASCIIDigit)
}

func shapeUsername(nick string, letter, digit func(rune) bool) string {
	name := strings.Map(func(r rune) rune {
		if letter(r) || digit(r) || r == '_' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, nick)
	name = strings.TrimLeft(name, "_-.")
	if first, _ := utf8.DecodeRuneInString(name); !letter(first) {
		name = "n" + name
	}
	if utf8.RuneCountInString(name) < models.MinNameLength {
		name += "_"
	}
	return firstRunes(name, models.MaxUsernameLength)
}

func validUsername(name string) bool {
	_, ok := models.NameKey(name, models.MaxUsernameLength)
	return ok
}

func isASCIILetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
func isASCIIDigit(r rune) bool  { return r >= '0' && r <= '9' }

// nameSuffixLength is the length of the random ending that makes a username unique: four of 32 letters and digits.
const nameSuffixLength = 4

// withSuffix returns username with a random ending, for a username that is taken.
func withSuffix(username string) string {
	suffix := "-" + strings.ToLower(rand.Text()[:nameSuffixLength])
	return usernameOf(firstRunes(username, models.MaxUsernameLength-len(suffix)) + suffix)
}
