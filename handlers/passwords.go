package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type passwordStore interface {
	// PasswordOf returns the hash of a user's password, "" for none.
	PasswordOf(ctx context.Context, userID int64) (hash string, guest bool, err error)
	// ChangePassword replaces the hash old, and ends the user's other sessions.
	ChangePassword(ctx context.Context, caller models.Caller, old, hash string) error
}

// passwords are the passwords of accounts.
type passwords struct {
	store passwordStore
	login login
}

func newPasswords(store passwordStore, l login) passwords { return passwords{store: store, login: l} }

// ChangePassword sets a new password and ends the account's other sessions.
func (h passwords) ChangePassword(w http.ResponseWriter, r *http.Request) {
	respond(w, r, func() (response, error) {
		change, err := codec.Decode[models.PasswordChange](w, r)
		if err != nil {
			return response{}, err
		}
		caller := request.Caller(r)
		old, guest, err := h.store.PasswordOf(r.Context(), caller.UserID)
		if err != nil {
			return response{}, err
		}
		if guest {
			return response{}, models.Errorf(models.CodeForbidden, "A guest has no password; sign up to get one.")
		}
		if err := h.check(w, r, old, change.CurrentPassword); err != nil {
			return response{}, err
		}
		hash, err := h.login.hash(r, change.NewPassword)
		if err != nil {
			return response{}, err
		}
		return done(models.Cursor{}), h.store.ChangePassword(r.Context(), caller, old, hash)
	})
}

// check checks the current password. An account that was created through a provider has none yet.
func (h passwords) check(w http.ResponseWriter, r *http.Request, hash, current string) error {
	switch {
	case hash == "":
		return nil
	case current == "":
		return models.Invalid("current_password", "is required")
	}
	return h.login.checkOwn(w, r, hash, current, "The current password is wrong.")
}
