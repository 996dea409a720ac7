// Package stream tests event streams on a whole server: what comes, in which order, and what does not.
package stream

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
