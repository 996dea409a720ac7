package sse

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// openWait limits how long a stream waits to be opened. It is longer than a server needs to open as many streams as
	// it may have, and shorter than clients and proxies wait.
	openWait = 20 * time.Second
	// maxOpenings and maxOpeningsPerUser limit the streams that wait to be opened. Each needs 29 KB meanwhile (measured),
	// so all of them at most 240 MB. Where users may have few streams, no more than twice as many of theirs wait:
	// otherwise a few users could take all places.
	maxOpenings        = 8192
	maxOpeningsPerUser = 2048
	// crowdedRetry is when a client may try again whose stream could not wait any longer, or not at all.
	crowdedRetry = 5 * time.Second
)

// admit waits until a stream may be opened, and takes the replay slot that the opening needs. After a restart all
// clients come back at once: they wait here in turn, so that only as many work at the same time as the machine and the
// database take, and none is refused. A wait ends with the client's request, when the server stops, and after openWait.
func (h *Hub) admit(request context.Context, userID int64) error {
	ctx, cancel := context.WithTimeout(request, h.openWait)
	defer cancel()
	defer context.AfterFunc(h.accepting, cancel)()
	perUser := maxOpeningsPerUser
	if h.limits.Streams > 0 { // more could not be opened; twice as many, since some of their clients may be gone
		perUser = min(perUser, 2*h.limits.Streams) //nolint:mnd // see there
	}
	err := h.replaySlots.acquireBounded(ctx, userID, maxOpenings, perUser)
	switch {
	case err == nil:
		return nil
	case h.accepting.Err() != nil:
		return stoppingError()
	case request.Err() != nil:
		return request.Err()
	case errors.Is(err, errTooManyWaiters), errors.Is(err, context.DeadlineExceeded):
		return crowdedError()
	}
	return err
}

func crowdedError() error {
	return &models.Error{
		Code: models.CodeUnavailable, Message: "Too many streams are being opened at the moment; try again soon.",
		RetryAfter: crowdedRetry, Busy: models.BusyUnavailable, Limit: "openings",
	}
}
