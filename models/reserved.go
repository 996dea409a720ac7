package models

import "strings"

// reserved are the usernames that nobody can take: those with a meaning in paths and messages (me, @room), names for
// everybody and for the operators of a server, and that of deleted users. The contract lists them too.
var reserved = reservedKeys("admin", "administrator", "all", "channel", "deleted", "everybody", "everyone", "here",
	"me", "moderator",
	"nobody", "operator", "parley", "room", "root", "staff", "support", "system")

func reservedKeys(names ...string) map[string]bool {
	keys := make(map[string]bool, len(names))
	for _, name := range names {
		keys[name] = true
	}
	return keys
}

// lookalikes are substitutions after which a name still looks like a reserved one: it is compared without separators,
// and with the letter that a digit resembles. Other scripts need not be checked, since none has all the letters of one
// of these names.
var lookalikes = []*strings.Replacer{
	strings.NewReplacer("_", "", "-", "", ".", "", "0", "o", "1", "i", "ı", "i"),
	strings.NewReplacer("_", "", "-", "", ".", "", "0", "o", "1", "l", "ı", "i"),
}

// IsReserved reports whether key, the NameKey of a username, is that of a reserved one, or looks like it. Users who
// have such a name from an earlier time keep it.
func IsReserved(key string) bool {
	for _, l := range lookalikes {
		if reserved[l.Replace(key)] {
			return true
		}
	}
	return false
}

// username is name for one that is about to be taken.
func (c *check) username(field, value string) {
	c.name(field, value, MaxUsernameLength)
	if key, ok := NameKey(value, MaxUsernameLength); ok && IsReserved(key) {
		c.fail(field, "is reserved; choose another one")
	}
}
