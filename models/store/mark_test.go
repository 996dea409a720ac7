package store

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/sqlite"
)

// TestInterruptedMarkKeepsTheEpoch interrupts the writing of the mark at each of its steps, as a full disk or a crash
// can. Each time, the next start must keep the epoch; a copy from before the last start must still get a new one.
func TestInterruptedMarkKeepsTheEpoch(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	open := func() *Store {
		t.Helper()
		s, err := Open(t.Context(), Config{
			Database: path, Retention: time.Hour, Committed: func([]models.LogEntry) {}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	crash := func(s *Store) { // closes the store without writing the mark
		t.Helper()
		s.stop()
		s.done.Wait()
		if err := errors.Join(s.closePools(), s.release()); err != nil {
			t.Fatal(err)
		}
	}
	s := open()
	epoch, d := s.Epoch(), s.dialect.(sqlite.Dialect)
	for name, interrupt := range map[string]func() error{
		"before the first step": func() error {
			obstacle := path + sqlite.MarkEnding + ".new" // a folder, which a file cannot replace
			if err := os.Mkdir(obstacle, 0o700); err != nil {
				return err
			}
			if err := d.LeaveMark(t.Context(), s.writer); err == nil {
				t.Error("the mark was written")
			}
			return os.Remove(obstacle)
		},
		"after the first step": func() error {
			m, err := d.ReadMark()
			if err != nil {
				return err
			}
			m.Before, m.Current = m.Current, "not in the database"
			return d.WriteMark(m)
		},
		"after the second step": func() error {
			before, err := d.ReadMark()
			if err != nil {
				return err
			}
			if err := d.LeaveMark(t.Context(), s.writer); err != nil {
				return err
			}
			after, err := d.ReadMark()
			after.Before = before.Current
			return errors.Join(err, d.WriteMark(after))
		},
	} {
		if err := interrupt(); err != nil {
			t.Fatal(err)
		}
		crash(s)
		if s = open(); s.Epoch() != epoch {
			t.Errorf("interrupted %s: the epoch has changed", name)
			epoch = s.Epoch()
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copied, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := open().Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, copied, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open()
	if s.Epoch() == epoch {
		t.Error("a copy from before the last start kept the epoch")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
