package blob

import (
	"context"
	"log/slog"
	"time"
)

const (
	// purgeInterval is how often Purge looks for blobs without a file.
	purgeInterval = 5 * time.Second
	// purgeBatch is how many blobs are deleted before the next query.
	purgeBatch = 100
)

// DeletionQueue is the database's list of blobs to delete.
type DeletionQueue interface {
	// DueBlobs returns keys of blobs that belong to no file and can never belong to one again.
	DueBlobs(ctx context.Context, limit int) (keys []string, err error)
	// ForgetBlobs removes the rows of blobs whose bytes are deleted.
	ForgetBlobs(ctx context.Context, keys []string) error
}

// Purge deletes the bytes of blobs that belong to no file, until ctx is done. Several nodes may do so on one storage.
// What fails is retried.
func Purge(ctx context.Context, s Store, l DeletionQueue, log *slog.Logger) {
	ticker := time.NewTicker(purgeInterval)
	defer ticker.Stop()
	for {
		for more := true; more; {
			var err error
			if more, err = purgeSome(ctx, s, l); err != nil && ctx.Err() == nil {
				log.Warn("cannot delete the contents of files; retrying", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func purgeSome(ctx context.Context, s Store, l DeletionQueue) (more bool, err error) {
	keys, err := l.DueBlobs(ctx, purgeBatch)
	if err != nil || len(keys) == 0 {
		return false, err
	}
	var gone []string
	for _, key := range keys {
		if err = s.Delete(ctx, key); err != nil {
			break
		}
		gone = append(gone, key)
	}
	if len(gone) > 0 {
		if err := l.ForgetBlobs(ctx, gone); err != nil {
			return false, err
		}
	}
	return err == nil && len(keys) == purgeBatch, err
}
