// Package clients runs clients against a server: the web client in a browser, generated clients, the examples and the
// tours of the documents.
package clients

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
