package upload

import (
	"sync"
)

// PendingBytes counts the bytes of files that the requests of each user are bringing now. The database counts a file
// only when it is complete: without this, a hundred concurrent requests would each find the user's quota free.
type PendingBytes struct {
	mu     sync.Mutex
	byUser map[int64]int64
}

// Begin counts size bytes of a user until end is called, and returns how many bytes the user's other requests bring.
func (p *PendingBytes) Begin(userID, size int64) (others int64, end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byUser == nil {
		p.byUser = map[int64]int64{}
	}
	others = p.byUser[userID]
	p.byUser[userID] += size
	return others, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.byUser[userID] -= size; p.byUser[userID] == 0 {
			delete(p.byUser, userID)
		}
	}
}

// Of returns how many bytes the user's requests bring now.
func (p *PendingBytes) Of(userID int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byUser[userID]
}
