package handlers

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/parley-chat/parley/models"
)

const (
	// smallBody is the largest body, in bytes, that is read without a part of the budget. The longest message fits into it,
	// so people never meet that.
	smallBody = 64 << 10
	// decodedSize is how many times its size a body takes while it is decoded: the bytes, their JSON, and the values.
	decodedSize = 8
	// largeBodiesBudget is what large bodies may take together, in bytes.
	largeBodiesBudget = 128 << 20
)

// largeBodies is shared by all requests of the process: it is the process whose memory it bounds.
var largeBodies = newBudget(largeBodiesBudget)

// budget is so many bytes of memory for all requests together.
type budget struct{ free *semaphore.Weighted }

func newBudget(bytes int64) budget { return budget{semaphore.NewWeighted(bytes)} }

// take takes bytes from the budget until ctx ends, which a request's does with the request. When there are not so many
// left it is unavailable at once: who waits for memory holds some as well.
func (b budget) take(ctx context.Context, bytes int64) error {
	if !b.free.TryAcquire(bytes) {
		return &models.Error{
			Code: models.CodeUnavailable, Message: "Too many large requests are under way; try again.", RetryAfter: time.Second,
		}
	}
	context.AfterFunc(ctx, func() { b.free.Release(bytes) })
	return nil
}
