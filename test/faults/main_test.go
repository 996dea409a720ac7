// Package faults breaks servers, PostgreSQL, NATS and the network under load, and checks that nothing is lost.
package faults

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
