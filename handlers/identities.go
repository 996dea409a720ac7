package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

type identityStore interface {
	Identities(ctx context.Context, userID int64) ([]models.Identity, error)
	Unlink(ctx context.Context, userID int64, id string) error
}

// identities are who the caller is elsewhere. They come with a log-in there (auth_providers.go).
type identities struct{ store identityStore }

// ListIdentities lists what opens the caller's account besides a password.
func (h identities) ListIdentities(w http.ResponseWriter, r *http.Request) {
	answer(w, r, func() (reply, error) {
		list, err := h.store.Identities(r.Context(), callerOf(r).UserID)
		return plain(models.Page[models.Identity]{Items: list}), err
	})
}

// DeleteIdentity unlinks one of them. Nobody is told, so the answer names no event.
func (h identities) DeleteIdentity(w http.ResponseWriter, r *http.Request, identity api.PathIdentity) {
	answer(w, r, func() (reply, error) {
		return done(models.Cursor{}), h.store.Unlink(r.Context(), callerOf(r).UserID, identity)
	})
}
