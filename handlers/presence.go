package handlers

import (
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

// presence is which of the caller's streams are in a room.
type presence struct {
	rooms   roomReader
	streams Streams
}

// EnterRoom puts a stream into a room.
func (h presence) EnterRoom(w http.ResponseWriter, r *http.Request, room api.PathRoom, stream api.PathStream) {
	answer(w, r, func() (reply, error) {
		path, err := roomAt(room)
		if err != nil {
			return reply{}, err
		}
		found, err := h.rooms.Room(r.Context(), callerOf(r).UserID, path)
		if err != nil {
			return reply{}, err
		}
		if found.Membership == nil {
			return reply{}, models.Errorf(models.CodeForbidden, "You are not a member of this room; join it first.")
		}
		return done(models.Cursor{}), h.streams.Enter(r.Context(), callerOf(r), stream, found)
	})
}

// ExitRoom takes a stream out of a room.
func (h presence) ExitRoom(w http.ResponseWriter, r *http.Request, room api.PathRoom, stream api.PathStream) {
	answer(w, r, func() (reply, error) {
		path, err := roomAt(room)
		if err != nil {
			return reply{}, err
		}
		found, err := h.rooms.Room(r.Context(), callerOf(r).UserID, path)
		if err != nil {
			return reply{}, err
		}
		return done(models.Cursor{}), h.streams.Exit(r.Context(), callerOf(r), stream, found.ID)
	})
}
