package models

import (
	"context"
	"sync"
)

// ConcurrencyLimit limits how many expensive operations run at a time, in all and for each user: a user who requests a
// thousand things at once waits for their own, and nobody else does. Waiting operations run in the order of their
// requests.
type ConcurrencyLimit struct {
	running chan struct{} // has a place for each that may run
	each    int

	mu    sync.Mutex
	users map[int64]*userOperations
}

// userOperations are those of one user.
type userOperations struct {
	held    chan struct{} // has a place for each that the user may hold
	waiting int           // waiting and holding; guarded by ConcurrencyLimit.mu
}

// NewConcurrencyLimit returns a limit of atOnce operations in all and each for a user.
func NewConcurrencyLimit(atOnce, each int) *ConcurrencyLimit {
	return &ConcurrencyLimit{running: make(chan struct{}, atOnce), each: each, users: map[int64]*userOperations{}}
}

// Acquire waits until one more operation of the user may run. done, which may be called more than once, ends it. An
// error is ctx's.
func (l *ConcurrencyLimit) Acquire(ctx context.Context, userID int64) (done func(), err error) {
	own := l.enter(userID)
	select {
	case own.held <- struct{}{}:
	case <-ctx.Done():
		l.leave(userID, own)
		return nil, ctx.Err()
	}
	select {
	case l.running <- struct{}{}:
	case <-ctx.Done():
		<-own.held
		l.leave(userID, own)
		return nil, ctx.Err()
	}
	return sync.OnceFunc(func() {
		<-l.running
		<-own.held
		l.leave(userID, own)
	}), nil
}

func (l *ConcurrencyLimit) enter(userID int64) *userOperations {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.users[userID]
	if own == nil {
		own = &userOperations{held: make(chan struct{}, l.each)}
		l.users[userID] = own
	}
	own.waiting++
	return own
}

func (l *ConcurrencyLimit) leave(userID int64, own *userOperations) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own.waiting--
	if own.waiting == 0 {
		delete(l.users, userID)
	}
}
