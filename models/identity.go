package models

import (
	"strings"
	"unicode"
)

// Identity is who somebody is elsewhere, which opens their account. Issuer and Subject are what it is found by.
type Identity struct {
	ID        string `json:"id"`
	Provider  string `json:"provider"`
	Issuer    string `json:"issuer"`
	Subject   string `json:"subject"`
	CreatedAt Time   `json:"created_at"`
}

// Person is somebody as a provider vouches for them. Names are what they are called there, the best first: they say
// nothing about whose account it is.
type Person struct {
	Provider    string
	Issuer      string
	Subject     string
	Names       []string
	DisplayName string
}

// MaxIdentityLength bounds an issuer and a subject, in bytes. OpenID Connect gives a subject 255.
const MaxIdentityLength = 255

// Identified reports whether the person can be told from others.
func (p Person) Identified() bool {
	fits := func(s string) bool {
		return s != "" && len(s) <= MaxIdentityLength && strings.ToValidUTF8(s, "") == s && !strings.ContainsRune(s, 0)
	}
	return fits(p.Issuer) && fits(p.Subject)
}

// Account is the account of a person who has none yet.
func (p Person) Account() NewAccount {
	return NewAccount{Username: usernameFrom(p.Names), DisplayName: p.ShownName()}
}

// usernameRoom is what a username that is made leaves for whatever makes it unique.
const usernameRoom = 7

// Username is the username that the person's best name makes, "" when it makes none.
func (p Person) Username() string {
	if len(p.Names) == 0 {
		return ""
	}
	return usernameOf(p.Names[0])
}

// ShownName is what the person is to be shown as, "" when nothing says so.
func (p Person) ShownName() string { return shownFrom(p.DisplayName) }

// usernameFrom makes a valid username of the first name that holds one.
func usernameFrom(names []string) string {
	for _, name := range names {
		if username := usernameOf(name); username != "" {
			return username
		}
	}
	return "user"
}

// usernameOf makes a valid username of a name, "" when it holds none. Of an address it is what stands before the @.
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

// shownFrom is a name to show, without what cannot be shown; "" when nothing is left.
func shownFrom(name string) string {
	shown, _ := Nickname(withoutInvisible(strings.ReplaceAll(name, "\uFFFD", "")))
	if runes := []rune(shown); len(runes) > MaxDisplayNameLength { // what is cut may end in half of an emoji
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
	Callback    string // where the provider sends the browser back to, to the letter
	Redirect    string // where the browser goes in the end
	Linker      Caller // whose account is to be linked; zero for who logs in
	ExpiresAt   Time
}

// LoginCode is what a log-in through a provider ends with. Only hashes of it and of its browser's secret are kept.
type LoginCode struct {
	Hash        string
	BrowserHash string
	ExpiresAt   Time
}
