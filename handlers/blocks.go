package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type blockStore interface {
	logHead
	blockReader
	Block(ctx context.Context, callerID int64, user models.UserPath) (models.Contact, error)
	Unblock(ctx context.Context, callerID int64, user models.UserPath) error
	Blocks(ctx context.Context, callerID int64, page models.Paging) (models.Page[models.Contact], error)
}

// blocks are the users that the caller has blocked: they cannot send direct messages to the caller, and cause no
// notifications. Nobody else learns of a block, so there are no events.
type blocks struct {
	store    blockStore
	profiles profiles
}

func newBlocks(store blockStore, p profiles) blocks { return blocks{store: store, profiles: p} }

// ListBlocks lists the users that the caller has blocked.
func (h blocks) ListBlocks(w http.ResponseWriter, r *http.Request, params api.ListBlocksParams) {
	respondPage(w, r, func() (response, error) {
		page, err := paging(params.Limit, params.Cursor)
		if err != nil {
			return response{}, err
		}
		return snapshot(r, h.store, func() (models.Page[models.Contact], error) {
			list, err := h.store.Blocks(r.Context(), request.Caller(r).UserID, page)
			if err != nil {
				return list, err
			}
			return h.profiles.completeContacts(r.Context(), request.Caller(r).UserID, list)
		})
	})
}

// BlockUser puts a user on the caller's block list.
func (h blocks) BlockUser(w http.ResponseWriter, r *http.Request, user api.PathUser) {
	respond(w, r, func() (response, error) {
		me := request.Caller(r).UserID
		path, err := parseUser(user, me)
		if err != nil {
			return response{}, err
		}
		block, err := h.store.Block(r.Context(), me, path)
		if err == nil {
			err = h.profiles.complete(r.Context(), me, &block.User)
		}
		return plain(block), err
	})
}

// UnblockUser takes a user off the caller's block list.
func (h blocks) UnblockUser(w http.ResponseWriter, r *http.Request, user api.PathUser) {
	respond(w, r, func() (response, error) {
		me := request.Caller(r).UserID
		path, err := parseUser(user, me)
		if err != nil {
			return response{}, err
		}
		return done(models.Cursor{}), h.store.Unblock(r.Context(), me, path)
	})
}
