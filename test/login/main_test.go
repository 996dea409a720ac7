// Package login tests log-in through other services: OpenID Connect, GitHub, and JWTs that an application issues for
// its own users. It also tests the rotation of refresh tokens.
package login

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
