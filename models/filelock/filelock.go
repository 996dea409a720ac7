// Package filelock keeps two processes from using the same files.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gofrs/flock"
)

// Wait is how long a start waits for a server that is about to stop, or for another process that migrates.
const Wait = 3 * time.Second

// retry is how often a lock that another process holds is tried again.
const retry = 50 * time.Millisecond

// ErrLocked says that another process holds a lock.
var ErrLocked = errors.New("locked by another process")

// Lock takes the lock of a file, which it creates if necessary, and returns what releases it. The kernel releases it
// when the process ends, in any way. The error is ErrLocked when another process still holds the lock after the wait.
func Lock(ctx context.Context, path string, wait time.Duration) (release func() error, err error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	lock := flock.New(path, flock.SetPermissions(0o600))
	locked, err := lock.TryLock() // also without a wait
	if err == nil && !locked {
		_, err = lock.TryLockContext(waiting, retry)
	}
	switch {
	case err == nil:
		return lock.Close, nil
	case ctx.Err() == nil && waiting.Err() != nil:
		err = ErrLocked
	}
	return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), lock.Close())
}
