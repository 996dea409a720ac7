package models

import (
	"strings"
	"unicode"
)

// Identity is a user's account at a provider, which opens their account here. Issuer and Subject identify it.
type Identity struct {
	ID        string `json:"id"`
	Provider  string `json:"provider"`
	Issuer    string `json:"issuer"`
	Subject   string `json:"subject"`
	CreatedAt Time   `json:"created_at"`
}

// Person is a user as a provider describes them. Names are their names there, the best first: they say nothing about
// which account is theirs.
type Person struct {
	Provider    string
	Issuer      string
	Subject     string
	Names       []string
	DisplayName string
}

// MaxIdentityLength bounds an issuer and a subject, in bytes. OpenID Connect gives a subject 255.
const MaxIdentityLength = 255

// Identified reports whether the person can be identified.
func (p Person) Identified() bool {
	fits := func(s string) bool {
		return s != "" && len(s) <= MaxIdentityLength && strings.ToValidUTF8(s, "") == s && !strings.ContainsRune(s, 0)
	}
	return fits(p.Issuer) && fits(p.Subject)
}

// Account returns the new account of a person who has none yet.
func (p Person) Account() NewAccount {
	return NewAccount{Username: usernameFrom(p.Names), DisplayName: p.ShownName()}
}

// usernameRoom is the length that a generated username leaves for a suffix that makes it unique.
const usernameRoom = 7

// Username is the username made of the person's best name, "" if no name allows one.
func (p Person) Username() string {
	if len(p.Names) == 0 {
		return ""
	}
	return usernameOf(p.Names[0])
}

// ShownName is the person's display name, "" if there is none.
func (p Person) ShownName() string { return shownFrom(p.DisplayName) }

// usernameFrom makes a valid username of the first name that allows one.
func usernameFrom(names []string) string {
	for _, name := range names {
		if username := usernameOf(name); username != "" {
			return username
		}
	}
	return "user"
}

// usernameOf makes a valid username of a name, "" if it does not allow one. Of an address it takes the part before the
// @.
func usernameOf(name string) string {
	name, _, _ = strings.Cut(name, "@")
	var made []rune
	for _, r := range name {
		letter := unicode.IsLetter(r)
		switch {
		case letter, len(made) > 0 && (unicode.IsDigit(r) || unicode.IsMark(r) || r == '_' || r == '-' || r == '.'):
			made = append(made, r)
		case len(made) > 0 && unicode.IsSpace(r) && made[len(made)-1] != '-':
			made = append(made, '-')
		}
		if len(made) == MaxUsernameLength-usernameRoom {
			break
		}
	}
	username := strings.TrimRight(string(made), "-_.")
	if _, ok := NameKey(username, MaxUsernameLength-usernameRoom); !ok {
		return ""
	}
	return username
}

// shownFrom makes a display name of a name, without characters that cannot be shown; "" if nothing is left.
func shownFrom(name string) string {
	shown, _ := Nickname(withoutInvisible(strings.ReplaceAll(name, "\uFFFD", "")))
	if runes := []rune(shown); len(runes) > MaxDisplayNameLength { // the cut may be in the middle of an emoji
		shown, _ = Nickname(withoutInvisible(string(runes[:MaxDisplayNameLength])))
	}
	return shown
}

// AuthFlow is a log-in through a provider that a browser has begun.
type AuthFlow struct {
	StateHash   string
	BrowserHash string
	Provider    string
	Nonce       string
	Verifier    string // of PKCE
	Callback    string // where the provider sends the browser back to, exactly
	Redirect    string // where the browser goes in the end
	Linker      Caller // the account to be linked; zero for a log-in
	ExpiresAt   Time
}

// LoginCode is the result of a log-in through a provider. Only hashes of it and of its browser's secret are stored.
type LoginCode struct {
	Hash        string
	BrowserHash string
	ExpiresAt   Time
}
