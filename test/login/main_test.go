// Package login tests the ways to log in that others provide: OpenID Connect, GitHub, and JWTs of an application of its
// own.
package login

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
