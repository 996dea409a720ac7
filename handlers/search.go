package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type searchStore interface {
	blockReader
	Users(ctx context.Context, q models.UserSearch) (models.Page[models.User], error)
	SearchRooms(ctx context.Context, callerID int64, q models.RoomSearch) (models.Page[models.Room], error)
	SearchMessages(
		ctx context.Context, callerID int64, path models.RoomPath, q models.MessageSearch,
	) (models.Page[models.Message], error)
	SearchAll(ctx context.Context, callerID int64, q models.WordSearch) (models.Page[models.Message], error)
}

// search finds users, rooms and messages.
type search struct {
	store    searchStore
	profiles profiles
}

func newSearch(store searchStore, p profiles) search { return search{store: store, profiles: p} }

// SearchUsers finds users by the start of their username.
func (h search) SearchUsers(w http.ResponseWriter, r *http.Request, params api.SearchUsersParams) {
	respondPage(w, r, func() (response, error) {
		q := models.UserSearch{Prefix: params.Prefix}
		var err error
		if q.Paging, err = paging(params.Limit, params.Cursor); err == nil {
			err = q.Validate()
		}
		if err != nil {
			return response{}, err
		}
		list, err := h.store.Users(r.Context(), q)
		if err != nil {
			return response{}, err
		}
		users := make([]*models.User, len(list.Items))
		for i := range list.Items {
			users[i] = &list.Items[i]
		}
		return plain(list), h.profiles.complete(r.Context(), request.Caller(r).UserID, users...)
	})
}

// SearchRooms finds public rooms by the start of their handle or name.
func (h search) SearchRooms(w http.ResponseWriter, r *http.Request, params api.SearchRoomsParams) {
	respondPage(w, r, func() (response, error) {
		q := models.RoomSearch{Prefix: params.Prefix}
		var err error
		if q.Paging, err = paging(params.Limit, params.Cursor); err != nil {
			return response{}, err
		}
		if q.Subject, err = subject(params.Subject); err == nil {
			err = q.Validate()
		}
		if err != nil {
			return response{}, err
		}
		list, err := h.store.SearchRooms(r.Context(), request.Caller(r).UserID, q)
		return plain(list), err
	})
}

// SearchMessages finds messages of a room by their start or by their words.
func (h search) SearchMessages(
	w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.SearchMessagesParams,
) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		q := models.MessageSearch{Prefix: params.Prefix, Words: params.Q}
		if q.Paging, err = paging(params.Limit, params.Cursor); err == nil {
			err = q.Validate()
		}
		if err != nil {
			return response{}, err
		}
		list, err := h.store.SearchMessages(r.Context(), request.Caller(r).UserID, path, q)
		return plain(list), err
	})
}

// SearchAllMessages finds messages by their words in all of the caller's rooms.
func (h search) SearchAllMessages(w http.ResponseWriter, r *http.Request, params api.SearchAllMessagesParams) {
	respond(w, r, func() (response, error) {
		q := models.WordSearch{Words: params.Q}
		var err error
		if q.Paging, err = paging(params.Limit, params.Cursor); err == nil {
			err = q.Validate()
		}
		if err != nil {
			return response{}, err
		}
		list, err := h.store.SearchAll(r.Context(), request.Caller(r).UserID, q)
		return plain(list), err
	})
}
