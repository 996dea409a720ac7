package store

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestCheckWrites lets the database refuse writes, as on a file system that was remounted read-only, and accept them
// again.
func TestCheckWrites(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{
		Database: migrated.SQLite(t), Retention: time.Hour,
		Committed: func([]models.LogEntry) {}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.CheckWrites(t.Context()); err != nil {
		t.Error(err)
	}
	forget := func() { // as the time that passes does
		s.writable.mu.Lock()
		defer s.writable.mu.Unlock()
		s.writable.tried = time.Time{}
		s.writable.wrote.Store(0)
	}
	for _, refuse := range []string{"1", "0"} {
		if err := s.writer.Exec("PRAGMA query_only(" + refuse + ")").Error; err != nil {
			t.Fatal(err)
		}
		forget()
		err := s.CheckWrites(t.Context())
		if unavailable := errors.Is(err, &models.Error{Code: models.CodeUnavailable}); unavailable != (refuse == "1") ||
			err != nil && !unavailable {
			t.Errorf("query_only %s: %v", refuse, err)
		}
	}
}
