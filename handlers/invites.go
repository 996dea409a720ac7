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

type inviteStore interface {
	CreateInvite(
		ctx context.Context, callerID int64, path models.RoomPath, n models.NewInvite, call *models.IdempotentCall,
	) (models.Invite, error)
	Invites(
		ctx context.Context, callerID int64, path models.RoomPath, page models.Paging,
	) (models.Page[models.Invite], error)
	RevokeInvite(ctx context.Context, callerID int64, path models.RoomPath, code string) error
	RedeemInvite(
		ctx context.Context, callerID int64, code string, call *models.IdempotentCall,
	) (models.Room, models.Cursor, error)
}

// invites are codes that let users into rooms.
type invites struct{ store inviteStore }

func newInvites(store inviteStore) invites { return invites{store: store} }

// CreateInvite creates a code.
func (h invites) CreateInvite(
	w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.CreateInviteParams,
) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		n, call, err := codec.DecodeIdempotent[models.NewInvite](w, r, params.IdempotencyKey)
		if err != nil {
			return response{}, err
		}
		invite, err := h.store.CreateInvite(r.Context(), request.Caller(r).UserID, path, n, call)
		return created(invite, models.Cursor{}, err, func(i models.Invite) string {
			return fmt.Sprintf("/v1/rooms/%d/invites/%s", i.RoomID, i.Code)
		})
	})
}

// ListInvites lists the codes that are still valid.
func (h invites) ListInvites(w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.ListInvitesParams) {
	respondPage(w, r, func() (response, error) {
		page, err := paging(params.Limit, params.Cursor)
		if err != nil {
			return response{}, err
		}
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		list, err := h.store.Invites(r.Context(), request.Caller(r).UserID, path, page)
		return plain(list), err
	})
}

// RevokeInvite revokes a code.
func (h invites) RevokeInvite(w http.ResponseWriter, r *http.Request, room api.PathRoom, code api.PathCode) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		if !models.IsInviteCode(code) {
			return response{}, models.NotFound()
		}
		return done(models.Cursor{}), h.store.RevokeInvite(r.Context(), request.Caller(r).UserID, path, code)
	})
}

// RedeemInvite makes the caller a member of the room of a code.
func (h invites) RedeemInvite(
	w http.ResponseWriter, r *http.Request, code api.PathCode, params api.RedeemInviteParams,
) {
	respond(w, r, func() (response, error) {
		call, err := request.NewIdempotentCall(r, params.IdempotencyKey, nil, codec.Encode)
		if err != nil {
			return response{}, err
		}
		room, at, err := h.store.RedeemInvite(r.Context(), request.Caller(r).UserID, code, call)
		res, err := created(room, at, err, func(models.Room) string { return "" })
		res.status = http.StatusOK // a member has no URL of its own
		return res, err
	})
}
