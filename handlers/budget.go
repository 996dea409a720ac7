package handlers

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/parley-chat/parley/models"
)

const (
	// smallBody is the largest body, in bytes, that is read without a part of the budget, and what the fields of a form may hold
	// together. The longest message fits into it, even when each of its characters is escaped: people never meet that.
	smallBody = 100 << 10
	// decodedSize is how many times its size a body takes while it is decoded: the bytes, their JSON, and the values.
	decodedSize = 8
	// largeBodiesBudget is what large bodies may take together, in bytes.
	largeBodiesBudget = 128 << 20
	// largeBodiesOfNetwork is what those of one network may take of it: a client that sends them slowly leaves some to others.
	largeBodiesOfNetwork = largeBodiesBudget / 2
)

// largeBodies is shared by all requests of the process: it is the process whose memory it bounds.
var largeBodies = newBudget(largeBodiesBudget, largeBodiesOfNetwork)

// budget is so many bytes of memory for all requests together, and so many of them for those of one network.
type budget struct {
	free *semaphore.Weighted
	each int64

	mu    sync.Mutex
	taken map[string]int64 // of each network
}

func newBudget(bytes, each int64) *budget {
	return &budget{free: semaphore.NewWeighted(bytes), each: each, taken: map[string]int64{}}
}

// take takes bytes from the budget until the request ends. When there are not so many left it is unavailable at once: who
// waits for memory holds some as well.
func (b *budget) take(r *http.Request, bytes int64) error {
	network := networkOf(r)
	if !b.add(network, bytes) {
		return &models.Error{
			Code: models.CodeUnavailable, Message: "Too many large requests are under way; try again.", RetryAfter: time.Second,
		}
	}
	context.AfterFunc(r.Context(), func() { b.add(network, -bytes) })
	return nil
}

// add counts bytes that a network takes, or gives back, unless they are too many.
func (b *budget) add(network string, bytes int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes > 0 && (b.taken[network]+bytes > b.each || !b.free.TryAcquire(bytes)) {
		return false
	}
	if bytes < 0 {
		b.free.Release(-bytes)
	}
	if b.taken[network] += bytes; b.taken[network] == 0 {
		delete(b.taken, network)
	}
	return true
}
