package sse

import (
	"context"
	crand "crypto/rand"
	"errors"
	"time"

	"github.com/parley-chat/parley/models"
)

// isRemoteStream reports whether a stream id may be one of another node.
func (h *Hub) isRemoteStream(streamID string) bool {
	return h.nodeID != "" && len(streamID) > nodeIDLength && streamID[:nodeIDLength] != h.nodeID
}

// requestPresence sends a presence request to the node of a stream, through the log: so it works without NATS, and
// the response comes after the change that it confirms. If the node does not respond in time, it returns unavailable.
func (h *Hub) requestPresence(ctx context.Context, request models.PresenceRequest) error {
	request.ID, request.Node = crand.Text(), request.StreamID[:nodeIDLength]
	response := make(chan models.PresenceResponse, 1)
	h.mu.Lock()
	h.pendingRequests[request.ID] = response
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.pendingRequests, request.ID)
	}()
	if err := h.log.RequestPresence(ctx, request); err != nil {
		if !request.Enter && isStreamID(request.StreamID) && errors.Is(err, &models.Error{Code: models.CodeNotFound}) {
			return nil // the node has stopped, so the stream has ended
		}
		return err
	}
	timeout := time.NewTimer(leaseQueryTimeout)
	defer timeout.Stop()
	select {
	case a := <-response:
		if a.Code == "" {
			return nil
		}
		return models.Errorf(a.Code, "%s", a.Message)
	case <-timeout.C:
		return &models.Error{
			Code: models.CodeUnavailable, Message: "The server that has this stream is not responding.", RetryAfter: time.Second,
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// handlePresenceRequest does what another node requests for a stream of this node.
func (h *Hub) handlePresenceRequest(ctx context.Context, request models.PresenceRequest) models.PresenceResponse {
	caller, a := models.Caller{UserID: request.UserID}, models.PresenceResponse{ID: request.ID}
	var err error
	if request.Enter {
		var user models.User
		if user, err = h.log.User(ctx, models.UserPath{ID: caller.UserID}); err == nil {
			room := models.Room{ID: request.RoomID, Subject: request.Subject}
			err = h.enterLocal(ctx, caller, request.StreamID, room, user.Ref())
		}
	} else {
		err = h.exitLocal(caller, request.StreamID, request.RoomID)
	}
	var known *models.Error
	switch {
	case err == nil:
	case errors.As(err, &known):
		a.Code, a.Message = known.Code, known.Message
	default:
		h.logger.Warn("cannot handle a presence request for a stream of this node", "stream", request.StreamID, "error", err)
		a.Code, a.Message = models.CodeUnavailable, "The server that has this stream is not available now."
	}
	return a
}
