package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type identityStore interface {
	Identities(ctx context.Context, userID int64) ([]models.Identity, error)
	Unlink(ctx context.Context, userID int64, id string) error
}

// identities are the caller's accounts at providers. A log-in through a provider adds one (auth_providers.go).
type identities struct{ store identityStore }

func newIdentities(store identityStore) identities { return identities{store: store} }

// ListIdentities lists the identities that the caller may log in with.
func (h identities) ListIdentities(w http.ResponseWriter, r *http.Request) {
	respond(w, r, func() (response, error) {
		list, err := h.store.Identities(r.Context(), request.Caller(r).UserID)
		return plain(models.Page[models.Identity]{Items: list}), err
	})
}

// DeleteIdentity unlinks an identity. There is no event of it.
func (h identities) DeleteIdentity(w http.ResponseWriter, r *http.Request, identity api.PathIdentity) {
	respond(w, r, func() (response, error) {
		return done(models.Cursor{}), h.store.Unlink(r.Context(), request.Caller(r).UserID, identity)
	})
}
