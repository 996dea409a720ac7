// Package generators makes clients from the contract with the generators that Parley's users have, as docs/clients.md
// says, and runs programs with them. "make test-generators" runs it; it is left out of "make test" and "make check".
package generators

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
