// Package nodes tests servers that share a database, that crash, and whose database fails or is restored.
package nodes

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
