package replay

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestUsernameOfANick(t *testing.T) {
	for nick, want := range map[string]string{
		"anna":                  "anna",
		"Anna_B-c.d":            "Anna_B-c.d",
		"root":                  "nroot",
		"ad_min":                "nad_min",
		"|QuaD-":                "QuaD-",
		"`anthony":              "anthony",
		"anthony`":              "anthony_",
		"anthony_":              "anthony_", // the same as the one before
		"[a] freebsd":           "a__freebsd",
		"3com":                  "n3com",
		"_2":                    "n2",
		"_":                     "n_",
		"N":                     "N_",
		"^^":                    "n_",
		"":                      "n_",
		"Jürgen":                "Jürgen",
		"Иван":                  "Иван",
		"ab\ufffdc":             "ab_c",
		"😀😀":                    "n_",
		strings.Repeat("x", 40): strings.Repeat("x", 32),
		strings.Repeat("ж", 40): strings.Repeat("ж", 32),
		"ｆｕｌｌ":                  "ｆｕｌｌ",
		"ǅ":                     "ǅ_",
	} {
		got := usernameOf(nick)
		if got != want && validUsername(want) {
			t.Errorf("username of %q: got %q, want %q", nick, got, want)
		}
		checkUsername(t, got)
	}
}

func TestUsernameSuffixesDiffer(t *testing.T) {
	for _, name := range []string{"anna", strings.Repeat("x", 32), strings.Repeat("ж", 32), "אבגד"} {
		a, b := withSuffix(name), withSuffix(name)
		if a == name || a == b {
			t.Errorf("%q with suffixes: got %q and %q", name, a, b)
		}
		checkUsername(t, a)
		checkUsername(t, b)
	}
}

// FuzzUsernameOfANick: the username of any nick is valid, with a suffix too.
func FuzzUsernameOfANick(f *testing.F) {
	for _, nick := range []string{"anna", "|QuaD-", "3", "אב1", "\u0301a", "ﬀ"} {
		f.Add(nick)
	}
	f.Fuzz(func(t *testing.T, nick string) {
		if !utf8.ValidString(nick) {
			return // the parser has replaced it before
		}
		name := usernameOf(nick)
		checkUsername(t, name)
		checkUsername(t, withSuffix(name))
	})
}

func checkUsername(t *testing.T, name string) {
	t.Helper()
	if !validUsername(name) {
		t.Errorf("%q is not a valid username", name)
	}
}
