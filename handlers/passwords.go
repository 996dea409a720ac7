package handlers

import (
	"context"
	"net/http"
	"strconv"

	"github.com/parley-chat/parley/models"
)

type passwordStore interface {
	PasswordOf(ctx context.Context, userID int64) (hash string, err error)
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
		if err := h.entry.quotas.tryPassword(w, r, strconv.FormatInt(caller.UserID, 10)); err != nil {
			return reply{}, err
		}
		was, err := h.store.PasswordOf(r.Context(), caller.UserID)
		if err != nil {
			return reply{}, err
		}
		if was == "" {
			return reply{}, models.Errorf(models.CodeForbidden, "A guest has no password; sign up to get one.")
		}
		match, err := h.entry.passwords.Match(r.Context(), was, change.CurrentPassword)
		if err != nil {
			return reply{}, err
		}
		if !match {
			return reply{}, models.Errorf(models.CodeBadCredentials, "The current password is another one.")
		}
		is, err := h.entry.passwords.Hash(r.Context(), change.NewPassword)
		if err != nil {
			return reply{}, err
		}
		return done(models.Cursor{}), h.store.ChangePassword(r.Context(), caller, was, is)
	})
}
