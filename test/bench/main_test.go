// Package bench measures Parley beside the bare limits of the machine.
package bench

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
