package sse

import "github.com/parley-chat/parley/models"

// Type tells the streams in a room that one of its members is typing there.
func (h *Hub) Type(roomID int64, user models.UserRef) {
	frame := passing("", models.EventTyping, models.Typing{
		RoomID: roomID, User: user, Until: models.At(models.Now().Add(models.TypingLife)),
	})
	h.locked(func() {
		if r := h.rooms[roomID]; r != nil {
			h.pushInside(r, frame)
		}
	})
}
