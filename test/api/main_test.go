// Package api tests the HTTP API on a whole server, with one file for each topic.
package api

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
