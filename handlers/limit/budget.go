package limit

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

const (
	// SmallBody is the largest body, in bytes, that is read without a share of the budget, and the limit of all fields of
	// a form together. The longest message fits into it, even if each of its characters is escaped.
	SmallBody = 100 << 10
	// decodedSize is how much memory a body needs while it is decoded, as a multiple of its size: bytes, JSON, and values.
	decodedSize = 8
	// largeBodiesBudget is the memory for all large bodies together, in bytes.
	largeBodiesBudget = 128 << 20
	// largeBodiesOfNetwork is the share of one network, so that a client that sends slowly leaves the rest to others.
	largeBodiesOfNetwork = largeBodiesBudget / 2
)

// largeBodies is shared by all requests, because it bounds the memory of the process.
var largeBodies = newBudget(largeBodiesBudget, largeBodiesOfNetwork)

// budget is an amount of memory, in bytes, for all requests together, with a limit for each network.
type budget struct {
	free *semaphore.Weighted
	each int64 // limit of one network

	mu    sync.Mutex
	taken map[string]int64 // bytes by network
}

func newBudget(bytes, each int64) *budget {
	return &budget{free: semaphore.NewWeighted(bytes), each: each, taken: map[string]int64{}}
}

// TakeBody takes the memory to decode a large body from the budget until the request ends. It returns unavailable at
// once if there is not enough left: a request that waits for memory would hold memory itself.
func TakeBody(r *http.Request) error {
	return largeBodies.take(r, models.MaxBodyBytes*decodedSize)
}

func (b *budget) take(r *http.Request, bytes int64) error {
	network := request.Network(r)
	if !b.add(network, bytes) {
		return &models.Error{
			Code: models.CodeUnavailable, Message: "Too many large requests are under way; try again.", RetryAfter: time.Second,
		}
	}
	context.AfterFunc(r.Context(), func() { b.add(network, -bytes) })
	return nil
}

// add counts bytes that a network takes, or gives back if bytes is negative. It reports whether the budget had them.
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
