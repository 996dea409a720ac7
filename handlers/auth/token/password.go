package token

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

const (
	saltLength = 16
	keyLength  = 32
	// maxMemory and maxTime are far above any cost that was ever in use: a hash with more is damaged.
	maxMemory = 1 << 20 // KiB
	maxTime   = 64
)

// phc is a parsed argon2id hash: its cost, its salt and its key.
type phc struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
	salt    []byte
	key     []byte
}

// newPHC returns a hash with a new salt, without its key, at the cost that the OWASP Password Storage Cheat Sheet
// recommends first.
func newPHC() phc {
	h := phc{memory: 19 * 1024, time: 2, threads: 1, salt: make([]byte, saltLength), key: make([]byte, keyLength)}
	rand.Read(h.salt)
	return h
}

// of computes the key of a password.
func (h phc) of(password string) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.key)))
}

func (h phc) cost() string { return fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.time, h.threads) }

// String returns the hash in the PHC string format, which other software reads too.
func (h phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$%s$%s$%s", argon2.Version, h.cost(),
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.key))
}

func parsePHC(hash string) (phc, error) {
	broken := errors.New("not an argon2id hash")
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, broken
	}
	var h phc
	_, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads)
	// argon2 panics if the cost is zero, and a huge cost would exhaust the memory.
	if err != nil || h.cost() != parts[3] || h.time < 1 || h.time > maxTime || h.threads < 1 || h.memory > maxMemory {
		return phc{}, broken
	}
	encoding := base64.RawStdEncoding.Strict()
	if h.salt, err = encoding.DecodeString(parts[4]); err != nil || len(h.salt) == 0 {
		return phc{}, broken
	}
	if h.key, err = encoding.DecodeString(parts[5]); err != nil || len(h.key) < saltLength || len(h.key) > 2*keyLength {
		return phc{}, broken
	}
	return h, nil
}

// Passwords hashes and checks passwords, as many at once as there are processors: each needs 19 MiB, so that many
// log-ins would otherwise exhaust the memory, and not be faster. Others wait in a queue that is bounded, and fair
// between networks.
type Passwords struct {
	queue queue
	decoy phc // a hash that no password matches
}

// NewPasswords makes a Passwords for this machine.
func NewPasswords() *Passwords {
	decoy := newPHC()
	rand.Read(decoy.key)
	return &Passwords{queue: queue{free: runtime.NumCPU()}, decoy: decoy}
}

// Hash returns the hash of a password, to be stored. It returns rate_limited if too many of the network's passwords are
// waiting, and unavailable if too many of all are.
func (p *Passwords) Hash(ctx context.Context, network, password string) (string, error) {
	h := newPHC()
	err := p.inTurn(ctx, network, func() { h.key = h.of(password) })
	if err != nil {
		return "", err
	}
	return h.String(), nil
}

// Match reports whether hash is that of password. An empty hash, of a user who does not exist or has no password,
// matches nothing and takes as long as any other, so that the time reveals nothing about users. It waits as Hash does.
func (p *Passwords) Match(ctx context.Context, network, hash, password string) (bool, error) {
	h := p.decoy
	if hash != "" {
		var err error
		if h, err = parsePHC(hash); err != nil {
			return false, err
		}
	}
	same := false
	err := p.inTurn(ctx, network, func() { same = subtle.ConstantTimeCompare(h.of(password), h.key) == 1 })
	return same, err
}

// Stretch derives a key from a password, always the same for a salt. To guess the password from that key takes as long
// as from a stored hash. It waits as Hash does.
func (p *Passwords) Stretch(ctx context.Context, network, password string, salt []byte) ([]byte, error) {
	h := newPHC()
	h.salt = salt
	if err := p.inTurn(ctx, network, func() { h.key = h.of(password) }); err != nil {
		return nil, err
	}
	return h.key, nil
}

func (p *Passwords) inTurn(ctx context.Context, network string, f func()) error {
	if err := p.queue.enter(ctx, network); err != nil {
		return err
	}
	defer p.queue.leave()
	if err := ctx.Err(); err != nil {
		return err // the client disconnected at the moment of its turn
	}
	f()
	return nil
}
