package sse

import "github.com/parley-chat/parley/models"

// SendTyping notifies the streams that are present in a room that one of its members is typing, on other nodes too if
// NATS is connected. It is not stored. In a room with too many users (roomPresence) nobody is notified.
func (h *Hub) SendTyping(roomID int64, user models.UserRef) {
	typing := models.Typing{RoomID: roomID, User: user, Until: models.At(models.Now().Add(models.TypingLife))}
	frame := encodeFrame("", models.EventTyping, typing.AppendJSON(nil))
	h.deliverTyping(roomID, user.ID, frame)
	if h.bus != nil {
		h.bus.publishTyping(roomID, user.ID, frame)
	}
}

// deliverTyping queues the frame about a user for the streams of this node that are present in the room.
func (h *Hub) deliverTyping(roomID, userID int64, frame []byte) {
	h.withLock(func() {
		if r := h.rooms[roomID]; r != nil && !r.presence.counted {
			h.pushToPresent(r, userID, frame)
			h.leaveToFlushers()
		}
	})
}
