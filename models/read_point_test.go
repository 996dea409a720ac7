package models_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestReadPointIsClearedForGood keeps no position that one goroutine has asked for before another one has seen
// something newer.
func TestReadPointIsClearedForGood(t *testing.T) {
	p := models.ReadPointOf(models.WithReadPoint(t.Context()))
	asked := time.Now()
	p.Set(1, asked)
	if position, current := p.Get(); position != 1 || !current {
		t.Errorf("got %d, current %t", position, current)
	}
	p.Clear()
	p.Set(1, asked.Add(-time.Nanosecond))
	if _, current := p.Get(); current {
		t.Error("a position from before it was cleared is used")
	}
}
