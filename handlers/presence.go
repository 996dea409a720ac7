package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type presenceStore interface {
	Member(ctx context.Context, callerID int64, path models.RoomPath) (models.Room, models.UserRef, error)
	Readable(ctx context.Context, callerID int64, path models.RoomPath) (roomID int64, err error)
}

type presenceStreams interface {
	// Enter makes a stream of the caller present in a room, and notifies the room. user is the caller, a member.
	Enter(ctx context.Context, caller models.Caller, streamID string, room models.Room, user models.UserRef) error
	Exit(ctx context.Context, caller models.Caller, streamID string, roomID int64) error
}

// presence is which of the caller's streams are present in a room.
type presence struct {
	store   presenceStore
	streams presenceStreams
}

func newPresence(store presenceStore, streams presenceStreams) presence {
	return presence{store: store, streams: streams}
}

// EnterRoom makes a stream present in a room.
func (h presence) EnterRoom(w http.ResponseWriter, r *http.Request, room api.PathRoom, stream api.PathStream) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		found, user, err := h.store.Member(r.Context(), request.Caller(r).UserID, path)
		if err != nil {
			return response{}, err
		}
		return done(models.Cursor{}), h.streams.Enter(r.Context(), request.Caller(r), stream, found, user)
	})
}

// ExitRoom ends the presence of a stream in a room.
func (h presence) ExitRoom(w http.ResponseWriter, r *http.Request, room api.PathRoom, stream api.PathStream) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		roomID, err := h.store.Readable(r.Context(), request.Caller(r).UserID, path)
		if err != nil {
			return response{}, err
		}
		return done(models.Cursor{}), h.streams.Exit(r.Context(), request.Caller(r), stream, roomID)
	})
}
