package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type pinStore interface {
	logHead
	Pins(ctx context.Context, callerID int64, path models.RoomPath, page models.Paging) (models.Page[models.Pin], error)
	Pin(ctx context.Context, callerID int64, path models.RoomPath, id int64) (models.Pin, models.Cursor, error)
	Unpin(ctx context.Context, callerID int64, path models.RoomPath, id int64) (models.Cursor, error)
}

// pins are the pinned messages of a room.
type pins struct {
	store pinStore
}

func newPins(store pinStore) pins { return pins{store: store} }

// ListPins lists a room's pinned messages.
func (h pins) ListPins(w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.ListPinsParams) {
	respondPage(w, r, func() (response, error) {
		page, err := paging(params.Limit, params.Cursor)
		if err != nil {
			return response{}, err
		}
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		return snapshot(r, h.store, func() (models.Page[models.Pin], error) {
			return h.store.Pins(r.Context(), request.Caller(r).UserID, path, page)
		})
	})
}

// PinMessage pins a message.
func (h pins) PinMessage(w http.ResponseWriter, r *http.Request, room api.PathRoom, message api.PathMessage) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		pin, at, err := h.store.Pin(r.Context(), request.Caller(r).UserID, path, message)
		return changed(pin, at), err
	})
}

// UnpinMessage unpins a message.
func (h pins) UnpinMessage(w http.ResponseWriter, r *http.Request, room api.PathRoom, message api.PathMessage) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		at, err := h.store.Unpin(r.Context(), request.Caller(r).UserID, path, message)
		return done(at), err
	})
}
