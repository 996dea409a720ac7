package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type banStore interface {
	logHead
	blockReader
	Ban(
		ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath, n models.NewBan,
	) (models.Ban, models.Cursor, error)
	Unban(ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath) error
	Bans(ctx context.Context, callerID int64, path models.RoomPath, page models.Paging) (models.Page[models.Ban], error)
}

// bans are the users who may not enter a room.
type bans struct {
	store    banStore
	profiles profiles
}

func newBans(store banStore, p profiles) bans { return bans{store: store, profiles: p} }

// ListBans lists the current bans.
func (h bans) ListBans(w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.ListBansParams) {
	respondPage(w, r, func() (response, error) {
		page, err := paging(params.Limit, params.Cursor)
		if err != nil {
			return response{}, err
		}
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		return snapshot(r, h.store, func() (models.Page[models.Ban], error) {
			list, err := h.store.Bans(r.Context(), request.Caller(r).UserID, path, page)
			if err != nil {
				return list, err
			}
			users := make([]*models.User, len(list.Items))
			for i := range list.Items {
				users[i] = &list.Items[i].User
			}
			return list, h.profiles.complete(r.Context(), request.Caller(r).UserID, users...)
		})
	})
}

// BanUser removes a user from a room and bans them.
func (h bans) BanUser(w http.ResponseWriter, r *http.Request, room api.PathRoom, user api.PathUser) {
	respond(w, r, func() (response, error) {
		me := request.Caller(r).UserID
		roomPath, userPath, err := parseRoomAndUser(room, user, me)
		if err != nil {
			return response{}, err
		}
		n, err := codec.DecodeOptional[models.NewBan](w, r)
		if err != nil {
			return response{}, err
		}
		ban, at, err := h.store.Ban(r.Context(), me, roomPath, userPath, n)
		if err == nil {
			err = h.profiles.complete(r.Context(), me, &ban.User)
		}
		return changed(ban, at), err
	})
}

// UnbanUser lifts a ban. There is no event of it.
func (h bans) UnbanUser(w http.ResponseWriter, r *http.Request, room api.PathRoom, user api.PathUser) {
	respond(w, r, func() (response, error) {
		me := request.Caller(r).UserID
		roomPath, userPath, err := parseRoomAndUser(room, user, me)
		if err != nil {
			return response{}, err
		}
		return done(models.Cursor{}), h.store.Unban(r.Context(), me, roomPath, userPath)
	})
}
