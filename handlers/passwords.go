package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/models"
)

type passwordStore interface {
	PasswordOf(ctx context.Context, userID int64) (hash string, guest bool, err error)
	ChangePassword(ctx context.Context, caller models.Caller, was, is string) error
}

// passwords are what accounts log in with.
type passwords struct {
	store passwordStore
	entry entry
}

// ChangePassword sets a new password and ends the account's other sessions.
func (h passwords) ChangePassword(w http.ResponseWriter, r *http.Request) {
	answer(w, r, func() (reply, error) {
		change, err := decode[models.PasswordChange](w, r)
		if err != nil {
			return reply{}, err
		}
		caller := callerOf(r)
		was, guest, err := h.store.PasswordOf(r.Context(), caller.UserID)
		if err != nil {
			return reply{}, err
		}
		if guest {
			return reply{}, models.Errorf(models.CodeForbidden, "A guest has no password; sign up to get one.")
		}
		if err := h.check(w, r, was, change.CurrentPassword); err != nil {
			return reply{}, err
		}
		is, err := h.entry.passwords.Hash(r.Context(), networkOf(r), change.NewPassword)
		if err != nil {
			return reply{}, err
		}
		return done(models.Cursor{}), h.store.ChangePassword(r.Context(), caller, was, is)
	})
}

// check wants the current password, where there is one: an account that came through a provider has none yet.
func (h passwords) check(w http.ResponseWriter, r *http.Request, hash, current string) error {
	switch {
	case hash == "":
		return nil
	case current == "":
		return models.Invalid("current_password", "is required")
	}
	caller := callerOf(r).UserID
	match, err := h.entry.guesses.check(w, r, userKey(caller), caller, func() (bool, error) {
		return h.entry.passwords.Match(r.Context(), networkOf(r), hash, current)
	})
	if err == nil && !match {
		err = models.Errorf(models.CodeBadCredentials, "The current password is another one.")
	}
	return err
}
