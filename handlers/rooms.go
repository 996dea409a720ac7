package handlers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type roomReader interface {
	Room(ctx context.Context, callerID int64, path models.RoomPath) (models.Room, error)
}

type roomStore interface {
	logHead
	roomReader
	CreateRoom(
		ctx context.Context, callerID int64, n models.NewRoom, call *models.IdempotentCall,
	) (models.Room, models.Cursor, error)
	Rooms(ctx context.Context, callerID int64, q models.RoomsQuery) (models.Page[models.Room], error)
	ChangeRoom(
		ctx context.Context, callerID int64, path models.RoomPath, c models.RoomChange, only models.Condition,
	) (models.Room, models.Cursor, error)
	DeleteRoom(
		ctx context.Context, callerID int64, path models.RoomPath, only models.Condition,
	) (models.Cursor, error)
	Direct(ctx context.Context, callerID int64, user models.UserPath) (models.Room, models.Cursor, error)
}

// rooms are public, private and direct rooms.
type rooms struct {
	store roomStore
}

func newRooms(store roomStore) rooms { return rooms{store: store} }

// CreateRoom creates a room that the caller owns.
func (h rooms) CreateRoom(w http.ResponseWriter, r *http.Request, params api.CreateRoomParams) {
	respond(w, r, func() (response, error) {
		n, call, err := codec.DecodeIdempotent[models.NewRoom](w, r, params.IdempotencyKey)
		if err != nil {
			return response{}, err
		}
		room, at, err := h.store.CreateRoom(r.Context(), request.Caller(r).UserID, n, call)
		return created(room, at, err, func(room models.Room) string { return fmt.Sprintf("/v1/rooms/%d", room.ID) })
	})
}

// ListRooms lists the caller's rooms.
func (h rooms) ListRooms(w http.ResponseWriter, r *http.Request, params api.ListRoomsParams) {
	respondPage(w, r, func() (response, error) {
		page, err := paging(params.Limit, params.Cursor)
		if err != nil {
			return response{}, err
		}
		about, err := subject(params.Subject)
		if err != nil {
			return response{}, err
		}
		since, err := instant("since", params.Since)
		if err != nil {
			return response{}, err
		}
		q := models.RoomsQuery{Paging: page, Subject: about, Since: since, Unread: valueOf(params.Unread)}
		return snapshot(r, h.store, func() (models.Page[models.Room], error) {
			return h.store.Rooms(r.Context(), request.Caller(r).UserID, q)
		})
	})
}

// GetRoom returns a room as the caller sees it.
func (h rooms) GetRoom(w http.ResponseWriter, r *http.Request, room api.PathRoom) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		return snapshot(r, h.store, func() (models.Room, error) {
			return h.store.Room(r.Context(), request.Caller(r).UserID, path)
		})
	})
}

// UpdateRoom changes a room's names and description.
func (h rooms) UpdateRoom(w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.UpdateRoomParams) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		change, err := codec.Decode[models.RoomChange](w, r)
		if err != nil {
			return response{}, err
		}
		only, err := request.IfMatch(params.IfMatch)
		if err != nil {
			return response{}, err
		}
		room, at, err := h.store.ChangeRoom(r.Context(), request.Caller(r).UserID, path, change, only)
		return changed(room, at), err
	})
}

// DeleteRoom deletes a room for all members.
func (h rooms) DeleteRoom(w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.DeleteRoomParams) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		only, err := request.IfMatch(params.IfMatch)
		if err != nil {
			return response{}, err
		}
		at, err := h.store.DeleteRoom(r.Context(), request.Caller(r).UserID, path, only)
		return done(at), err
	})
}

// OpenDirectRoom returns the direct room of the caller and a user, and creates it if there is none.
func (h rooms) OpenDirectRoom(w http.ResponseWriter, r *http.Request, user api.PathUser) {
	respond(w, r, func() (response, error) {
		me := request.Caller(r).UserID
		path, err := parseUser(user, me)
		if err != nil {
			return response{}, err
		}
		room, at, err := h.store.Direct(r.Context(), me, path)
		return changed(room, at), err
	})
}
