// Package stream tests event streams on a whole server: which events arrive, in which order, and which must not arrive.
package stream

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
