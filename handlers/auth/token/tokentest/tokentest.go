// Package tokentest is for tests alone: it makes passwords cheap.
package tokentest

import (
	"testing"

	"github.com/parley-chat/parley/handlers/auth/token/internal/cost"
)

// CheapPasswords lets new hashes of passwords take microseconds in this process. Call it before a server starts, from
// TestMain. Hashes keep their form, and their own cost is in each; that of production is tested in package token. It
// panics in a program that is no test.
func CheapPasswords() {
	if !testing.Testing() {
		panic("tokentest: this program is no test")
	}
	cost.Memory, cost.Time = 8, 1 // the least that argon2 takes
}
