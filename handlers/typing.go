package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

type typist interface {
	Writer(ctx context.Context, callerID int64, path models.RoomPath) (roomID int64, user models.UserRef, err error)
}

// typing is who is about to say something.
type typing struct {
	store   typist
	streams Streams
}

// StartTyping tells those in the room that the caller is typing.
func (h typing) StartTyping(w http.ResponseWriter, r *http.Request, room api.PathRoom) {
	answer(w, r, func() (reply, error) {
		path, err := roomAt(room)
		if err != nil {
			return reply{}, err
		}
		roomID, user, err := h.store.Writer(r.Context(), callerOf(r).UserID, path)
		if err != nil {
			return reply{}, err
		}
		h.streams.Type(roomID, user)
		return done(models.Cursor{}), nil
	})
}
