package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type typingStore interface {
	// Writer returns the room and the caller if the caller may write there.
	Writer(ctx context.Context, callerID int64, path models.RoomPath) (roomID int64, user models.UserRef, err error)
}

type typingStreams interface {
	// SendTyping notifies the users present in a room that a member is typing.
	SendTyping(roomID int64, user models.UserRef)
}

// typing notifies others that the caller is typing.
type typing struct {
	store   typingStore
	streams typingStreams
}

func newTyping(store typingStore, streams typingStreams) typing {
	return typing{store: store, streams: streams}
}

// StartTyping notifies the users present in the room.
func (h typing) StartTyping(w http.ResponseWriter, r *http.Request, room api.PathRoom) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		roomID, user, err := h.store.Writer(r.Context(), request.Caller(r).UserID, path)
		if err != nil {
			return response{}, err
		}
		h.streams.SendTyping(roomID, user)
		return done(models.Cursor{}), nil
	})
}
