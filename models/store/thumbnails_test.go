package store

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestThumbnailsAreMadeInTurns gives pictures to a maker: users take turns, even if one of them has many pictures.
func TestThumbnailsAreMadeInTurns(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, Config{
		Database: migrated.SQLite(t), Retention: time.Hour, Committed: func([]models.LogEntry) {},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for i, userID := range []int64{7, 7, 7, 9, 8} {
		row := fileRow{
			ID: fmt.Sprint("f", i), UserID: userID, ThumbnailDue: int64(i + 1), Blob: fmt.Sprint("b", i),
			CreatedAt: models.Now().Millis(),
		}
		if err := s.writer.Create(&row).Error; err != nil {
			t.Fatal(err)
		}
	}
	var turns []string
	for {
		file, found, err := s.NextPicture(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			break
		}
		turns = append(turns, file.ID)
	}
	if want := []string{"f0", "f4", "f3", "f1", "f2"}; !slices.Equal(turns, want) {
		t.Errorf("got turns %v, want %v", turns, want)
	}
}
