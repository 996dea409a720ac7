// Package fuzz sends a server what Schemathesis makes of openapi.yaml: every operation, in sequences too, with requests
// that follow the contract and requests that do not. "make test-fuzz" runs it.
package fuzz

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
