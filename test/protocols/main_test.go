// Package protocols plays the chat protocols whose features Parley provides, step by step, and checks each response and
// each event. participant.go of the harness describes how such a transcript works.
package protocols

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
