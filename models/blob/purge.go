package blob

import (
	"context"
	"log/slog"
	"time"
)

const (
	// sweepEvery is how often Sweep looks for blobs that nobody has.
	sweepEvery = 5 * time.Second
	// sweepBite bounds how many it takes at a time.
	sweepBite = 100
)

// Ledger knows which blobs are to go.
type Ledger interface {
	// Doomed hands out blobs that nobody has any more, and nobody can have again.
	Doomed(ctx context.Context, limit int) (keys []string, err error)
	// Forget strikes out blobs whose bytes are gone.
	Forget(ctx context.Context, keys []string) error
}

// Sweep removes the bytes of blobs that nobody has, until ctx ends. Several nodes may sweep one storage. What fails is
// tried again.
func Sweep(ctx context.Context, s Store, l Ledger, log *slog.Logger) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		for more := true; more; {
			var err error
			if more, err = sweepSome(ctx, s, l); err != nil && ctx.Err() == nil {
				log.Warn("removing the bytes of files failed; it will be tried again", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func sweepSome(ctx context.Context, s Store, l Ledger) (more bool, err error) {
	keys, err := l.Doomed(ctx, sweepBite)
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
		if err := l.Forget(ctx, gone); err != nil {
			return false, err
		}
	}
	return err == nil && len(keys) == sweepBite, err
}
