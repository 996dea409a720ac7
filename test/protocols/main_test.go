// Package protocols plays the protocols that Parley does the work of, step by step, and checks each response and each
// event.
package protocols

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
