package models

import (
	"context"
	"sync"
)

// Turns limits how many expensive operations run at a time, in all and for each user: a user who requests a thousand
// things at once waits for their own, and nobody else does. Waiting operations run in the order of their requests.
type Turns struct {
	running chan struct{} // has a place for each that may run
	each    int

	mu    sync.Mutex
	users map[int64]*userTurns
}

// userTurns are those of one user.
type userTurns struct {
	held    chan struct{} // has a place for each that the user may hold
	waiting int           // waiting and holding; guarded by Turns.mu
}

// NewTurns returns Turns for atOnce operations in all and each for a user.
func NewTurns(atOnce, each int) *Turns {
	return &Turns{running: make(chan struct{}, atOnce), each: each, users: map[int64]*userTurns{}}
}

// Take waits until it is the user's turn. done, which may be called more than once, ends it. An error is ctx's.
func (t *Turns) Take(ctx context.Context, userID int64) (done func(), err error) {
	own := t.enter(userID)
	select {
	case own.held <- struct{}{}:
	case <-ctx.Done():
		t.leave(userID, own)
		return nil, ctx.Err()
	}
	select {
	case t.running <- struct{}{}:
	case <-ctx.Done():
		<-own.held
		t.leave(userID, own)
		return nil, ctx.Err()
	}
	return sync.OnceFunc(func() {
		<-t.running
		<-own.held
		t.leave(userID, own)
	}), nil
}

func (t *Turns) enter(userID int64) *userTurns {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.users[userID]
	if own == nil {
		own = &userTurns{held: make(chan struct{}, t.each)}
		t.users[userID] = own
	}
	own.waiting++
	return own
}

func (t *Turns) leave(userID int64, own *userTurns) {
	t.mu.Lock()
	defer t.mu.Unlock()
	own.waiting--
	if own.waiting == 0 {
		delete(t.users, userID)
	}
}
