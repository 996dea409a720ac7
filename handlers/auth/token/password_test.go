package token_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/parley-chat/parley/handlers/auth/token"
)

func TestPasswordMatchesItsHashAlone(t *testing.T) {
	p := token.NewPasswords()
	hash, err := p.Hash(t.Context(), "network", "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash = %s, want argon2id in PHC format at 19 MiB, 2 passes", hash)
	}
	for password, want := range map[string]bool{
		"correct horse battery": true, "correct horse batterY": false, "": false, hash: false,
	} {
		if got, err := p.Match(t.Context(), "network", hash, password); err != nil || got != want {
			t.Errorf("Match(%q) = %v, %v; want %v", password, got, err, want)
		}
	}
	again, err := p.Hash(t.Context(), "network", "correct horse battery")
	if err != nil || again == hash {
		t.Errorf("the same password has the same hash twice (%v)", err)
	}
}

func TestStretchIsOfItsPasswordAndSalt(t *testing.T) {
	p := token.NewPasswords()
	stretch := func(password, salt string) string {
		key, err := p.Stretch(t.Context(), "network", password, []byte(salt))
		if err != nil {
			t.Fatal(err)
		}
		return string(key)
	}
	key := stretch("correct horse battery", "a salt of its own")
	if len(key) != 32 || key != stretch("correct horse battery", "a salt of its own") {
		t.Error("the same password and salt make two keys")
	}
	if key == stretch("correct horse", "a salt of its own") || key == stretch("correct horse battery", "another salt") {
		t.Error("another password, or another salt, makes the same key")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if key, err := p.Stretch(ctx, "network", "password", []byte("a salt of its own")); err == nil {
		t.Errorf("a request that is over is given %x", key)
	}
}

// The hash is of the reference implementation: echo -n password | argon2 somesalt -id -v 13 -t 2 -k 65536 -p 1 -l 32 -e
func TestHashOfAnotherCostMatches(t *testing.T) {
	const hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	p := token.NewPasswords()
	for password, want := range map[string]bool{"password": true, "passwort": false} {
		if got, err := p.Match(t.Context(), "network", hash, password); err != nil || got != want {
			t.Errorf("Match(%q) = %v, %v; want %v", password, got, err, want)
		}
	}
}

func TestNoHashMatchesNothing(t *testing.T) {
	p := token.NewPasswords()
	for _, password := range []string{"", "password"} {
		if got, err := p.Match(t.Context(), "network", "", password); err != nil || got {
			t.Errorf("Match(%q) = %v, %v; want false", password, got, err)
		}
	}
}

func TestGarbageHashIsAnError(t *testing.T) {
	p := token.NewPasswords()
	const salt, key = "c29tZXNhbHQ", "RdescudvJCsgt3ub+b7dWRWJTmaaJObG"
	for _, hash := range []string{
		"garbage", "$", "$$$$$", "$argon2id$",
		"$argon2i$v=19$m=65536,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=16$m=65536,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=65536,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=65536,t=2,p=0$" + salt + "$" + key,
		"$argon2id$v=19$m=4294967295,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=65536,t=4294967295,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=65536,t=2,p=257$" + salt + "$" + key,
		"$argon2id$v=19$m=65536,t=2,p=1,x=1$" + salt + "$" + key,
		"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$",
		"$argon2id$v=19$m=65536,t=2,p=1$$" + key,
		"$argon2id$v=19$m=65536,t=2,p=1$not base64$" + key,
		"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + strings.Repeat("A", 4096),
	} {
		if got, err := p.Match(t.Context(), "network", hash, "password"); err == nil || got {
			t.Errorf("Match(%.60q) = %v, %v; want an error", hash, got, err)
		}
	}
}

func TestNoTurnForARequestThatIsOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := token.NewPasswords().Hash(ctx, "network", "password"); !errors.Is(err, context.Canceled) {
		t.Errorf("Hash = %v, want that the request was over", err)
	}
}
