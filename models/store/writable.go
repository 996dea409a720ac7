package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writableFor is how long a write that went well says that the next one will.
	writableFor = 5 * time.Second
	// writeAgain is how often a write is tried while none goes well, at most.
	writeAgain = time.Second
	// writeTime bounds a write that is tried.
	writeTime = 2 * time.Second
)

// writable is what is known of whether the database takes writes.
type writable struct {
	mu    sync.Mutex   // held while a write is tried
	tried time.Time    // guarded by mu
	err   error        // guarded by mu: of that try
	wrote atomic.Int64 // when the last commit that told of events went well, in milliseconds since 1970
}

// CheckWrites is nil while the database takes writes. If there was none for a while, it tries one, of a row that stays as
// it is, and remembers for a moment what came of it, however many ask.
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
	// What came of it is everybody's to know, also when the one who asked has gone meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	w.err = s.writer.WithContext(ctx).Exec("UPDATE instance SET origin = origin WHERE id = 1").Error
	w.tried = time.Now()
	return w.err
}
