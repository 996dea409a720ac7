// Package bench measures Parley in comparison with bare loops that do the same work on the same machine.
package bench

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
