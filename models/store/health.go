package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/models/store/internal/database"
)

// Ping reports whether the database responds.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return database.Scan(s.read(ctx), &one, "SELECT 1")
}

const (
	// writableFor is how long after a successful write the next one is expected to succeed.
	writableFor = 5 * time.Second
	// writeAgain is the shortest time between two test writes while writes fail.
	writeAgain = time.Second
	// writeTime bounds a test write.
	writeTime = 2 * time.Second
)

// writable is what is known of whether the database accepts writes.
type writable struct {
	mu    sync.Mutex   // held during a test write
	tried time.Time    // guarded by mu
	err   error        // guarded by mu: the result of that write
	wrote atomic.Int64 // when the last commit with events succeeded, in milliseconds since 1970
}

// CheckWrites is nil while the database accepts writes. If there was none for a while, it tries one that changes
// nothing, and keeps the result for a moment, however many callers ask.
func (s *Store) CheckWrites(ctx context.Context) error {
	w := &s.writable
	if time.Since(time.UnixMilli(w.wrote.Load())) < writableFor {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	valid := writableFor
	if w.err != nil {
		valid = writeAgain
	}
	if !w.tried.IsZero() && time.Since(w.tried) < valid {
		return w.err
	}
	// The result is for all callers, so the end of this request does not end the write.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	w.err = database.Exec(s.writer.WithContext(ctx), "UPDATE instance SET origin = origin WHERE id = 1")
	w.tried = time.Now()
	return w.err
}
