package sse

import (
	"context"
	crand "crypto/rand"
	"errors"
	"time"

	"github.com/parley-chat/parley/models"
)

// isElsewhere reports whether a stream may be one of another node's.
func (h *Hub) isRemoteStream(streamID string) bool {
	return h.nodeID != "" && len(streamID) > nodeIDLength && streamID[:nodeIDLength] != h.nodeID
}

// ask has the node of a stream do what its user asked of this one, through the log: so it works while NATS is away, and the
// answer comes after the change that it tells of. A node that does not answer in time is unavailable.
func (h *Hub) requestPresence(ctx context.Context, ask models.PresenceAsk) error {
	ask.ID, ask.Node = crand.Text(), ask.StreamID[:nodeIDLength]
	answered := make(chan models.PresenceAnswer, 1)
	h.mu.Lock()
	h.pendingRequests[ask.ID] = answered
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.pendingRequests, ask.ID)
	}()
	if err := h.log.Ask(ctx, ask); err != nil {
		if !ask.Enter && isStreamID(ask.StreamID) && errors.Is(err, &models.Error{Code: models.CodeNotFound}) {
			return nil // the node has ended, and its streams with it
		}
		return err
	}
	patience := time.NewTimer(leaseQueryTimeout)
	defer patience.Stop()
	select {
	case a := <-answered:
		if a.Code == "" {
			return nil
		}
		return models.Errorf(a.Code, "%s", a.Message)
	case <-patience.C:
		return &models.Error{
			Code: models.CodeUnavailable, Message: "The server that has this stream does not answer.", RetryAfter: time.Second,
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer does what another node was asked of a stream of this one.
func (h *Hub) handlePresenceRequest(ctx context.Context, ask models.PresenceAsk) models.PresenceAnswer {
	caller, a := models.Caller{UserID: ask.UserID}, models.PresenceAnswer{ID: ask.ID}
	var err error
	if ask.Enter {
		var user models.User
		if user, err = h.log.User(ctx, models.UserPath{ID: caller.UserID}); err == nil {
			err = h.enterLocal(ctx, caller, ask.StreamID, models.Room{ID: ask.RoomID, Subject: ask.Subject}, user.Ref())
		}
	} else {
		err = h.exitLocal(caller, ask.StreamID, ask.RoomID)
	}
	var known *models.Error
	switch {
	case err == nil:
	case errors.As(err, &known):
		a.Code, a.Message = known.Code, known.Message
	default:
		h.logger.Warn("a stream of this node could not be asked about", "stream", ask.StreamID, "error", err)
		a.Code, a.Message = models.CodeUnavailable, "The server that has this stream cannot answer now."
	}
	return a
}
