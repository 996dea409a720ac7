// Package api tests the HTTP API on a whole server: one file a topic.
package api

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
