package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type userStore interface {
	logHead
	blockReader
	// UsernameFree returns username_taken if another user than the one with the id except has the name.
	UsernameFree(ctx context.Context, username string, except int64) error
	KnowsKey(ctx context.Context, call *models.IdempotentCall) (bool, error)
	SignUp(
		ctx context.Context, a models.NewAccount, n models.NewSession, call *models.IdempotentCall,
	) (models.Login, error)
	UpgradeGuest(
		ctx context.Context, guestID int64, a models.NewAccount, n models.NewSession, call *models.IdempotentCall,
	) (models.Login, error)
	User(ctx context.Context, path models.UserPath) (models.User, error)
	ChangeProfile(
		ctx context.Context, userID int64, p models.ProfileChange, only models.Condition,
	) (models.User, error)
	DeleteAccount(ctx context.Context, userID int64, only models.Condition) error
	PasswordOf(ctx context.Context, userID int64) (hash string, guest bool, err error)
	// LastProof returns the hash of the caller's password, "" for none, and when the caller last proved to know it.
	LastProof(ctx context.Context, caller models.Caller) (hash string, at models.Time, err error)
}

// users are accounts and their public profiles.
type users struct {
	store    userStore
	profiles profiles
	login    login
}

func newUsers(store userStore, p profiles, l login) users {
	return users{store: store, profiles: p, login: l}
}

// SignUp creates an account and its first session. A guest who signs up keeps their user: it becomes the account.
func (h users) SignUp(w http.ResponseWriter, r *http.Request, params api.SignUpParams) {
	respond(w, r, func() (response, error) {
		body, err := codec.ReadBody(w, r)
		if err != nil {
			return response{}, err
		}
		n, err := codec.Parse[models.NewUser](body)
		if err != nil {
			return response{}, err
		}
		prove := h.login.sessions.ProvePassword(r, accountKey(n.Username), n.Password)
		if err := h.checkSignUp(w, r, n, params.IdempotencyKey, prove, body); err != nil {
			return response{}, err
		}
		hash, err := h.login.hash(r, n.Password)
		if err != nil {
			return response{}, err
		}
		account := models.NewAccount{
			Username: n.Username, DisplayName: valueOf(n.DisplayName), Description: valueOf(n.Description), PasswordHash: hash,
		}
		o := auth.Opening{
			Key: params.IdempotencyKey, Body: body, Cookie: n.Cookie,
			Prove:    prove,
			Repeated: func(s models.Session) error { return h.checkPasswordUnchanged(r, s, n.Password) },
			Store: func(n models.NewSession, call *models.IdempotentCall) (models.Login, error) {
				if guest := request.Caller(r).UserID; guest != 0 {
					return h.store.UpgradeGuest(r.Context(), guest, account, n, call)
				}
				return h.store.SignUp(r.Context(), account, n, call)
			},
		}
		return h.login.openSession(r, o, func(s models.Session) string { return fmt.Sprintf("/v1/users/%d", s.User.ID) })
	})
}

// checkPasswordUnchanged refuses the session of a repeated sign-up if the password has been changed since, or the
// account deleted. Unlike at a log-in, the password was not checked before.
func (h users) checkPasswordUnchanged(r *http.Request, s models.Session, password string) error {
	hash, _, err := h.store.PasswordOf(r.Context(), s.User.ID)
	if err != nil && !errors.Is(err, models.NotFound()) {
		return err
	}
	match, err := h.login.match(r, hash, password)
	if err == nil && !match {
		err = models.Errorf(
			models.CodeBadCredentials, "This sign-up was completed before, and the password has changed since.",
		)
	}
	return err
}

// checkSignUp refuses an account that cannot be created before its password is hashed, which costs as much as a
// thousand other requests. A request that is repeated with its Idempotency-Key finds its own name taken. It is
// recognized by its password, so it counts as an attempt at that.
func (h users) checkSignUp(w http.ResponseWriter, r *http.Request, n models.NewUser, key *string,
	prove func(key string) ([]byte, error), body []byte) error {
	if key != nil {
		if err := request.CheckKey(*key); err != nil {
			return err
		}
	}
	taken := h.store.UsernameFree(r.Context(), n.Username, request.Caller(r).UserID)
	switch {
	case taken == nil:
		return h.login.quotas.TakeAccount(w, r)
	case key == nil:
		return taken
	}
	known, err := h.login.guesses.Check(w, r, accountKey(n.Username), 0, func() (bool, error) {
		proof, err := prove(*key)
		if err != nil {
			return false, err
		}
		return h.store.KnowsKey(r.Context(), request.NewSecretCall(r, *key, proof, body, nil))
	})
	if err == nil && !known {
		err = taken
	}
	return err
}

// GetMe returns the caller's own profile.
func (h users) GetMe(w http.ResponseWriter, r *http.Request) { h.GetUser(w, r, "me") }

// GetUser returns a user's profile.
func (h users) GetUser(w http.ResponseWriter, r *http.Request, user api.PathUser) {
	respond(w, r, func() (response, error) {
		path, err := parseUser(user, request.Caller(r).UserID)
		if err != nil {
			return response{}, err
		}
		return snapshot(r, h.store, func() (models.User, error) {
			u, err := h.store.User(r.Context(), path)
			if err == nil {
				err = h.profiles.complete(r.Context(), request.Caller(r).UserID, &u)
			}
			return u, err
		})
	})
}

// UpdateMe changes the caller's own profile.
func (h users) UpdateMe(w http.ResponseWriter, r *http.Request, params api.UpdateMeParams) {
	respond(w, r, func() (response, error) {
		change, err := codec.Decode[models.ProfileChange](w, r)
		if err != nil {
			return response{}, err
		}
		only, err := request.IfMatch(params.IfMatch)
		if err != nil {
			return response{}, err
		}
		u, err := h.store.ChangeProfile(r.Context(), request.Caller(r).UserID, change, only)
		return plain(h.profiles.own(u)), err
	})
}

// DeleteMe deletes the caller's account. Its events are for other users, so the response names none.
func (h users) DeleteMe(w http.ResponseWriter, r *http.Request, params api.DeleteMeParams) {
	respond(w, r, func() (response, error) {
		only, err := request.IfMatch(params.IfMatch)
		if err != nil {
			return response{}, err
		}
		if err := h.checkProof(w, r, params.ParleyPassword); err != nil {
			return response{}, err
		}
		if err := h.store.DeleteAccount(r.Context(), request.Caller(r).UserID, only); err != nil {
			return response{}, err
		}
		res := done(models.Cursor{})
		res.cookies = h.login.sessions.ForgetCookies(r)
		return res, nil
	})
}

// checkProof requires the caller's password, if there is one, before an action that cannot be undone: a session that
// was left open, or a leaked token, is not enough. Shortly after a log-in the password is not needed. A password in the
// header, percent-encoded, must always be right.
func (h users) checkProof(w http.ResponseWriter, r *http.Request, header *string) error {
	const name = "Parley-Password"
	hash, proved, err := h.store.LastProof(r.Context(), request.Caller(r))
	switch {
	case err != nil:
		return err
	case header == nil && (hash == "" || time.Since(proved.Time) < models.ProofLife):
		return nil
	case hash == "":
		return models.Invalid(name, "cannot be right: this account has no password")
	case header == nil:
		return models.Invalid(
			name, "is required: this session was opened more than %.0f minutes ago", models.ProofLife.Minutes(),
		)
	}
	password, err := url.PathUnescape(*header)
	if err != nil || !utf8.ValidString(password) {
		return models.Invalid(name, "must be percent-encoded UTF-8")
	}
	if n := utf8.RuneCountInString(password); n == 0 || n > models.MaxPasswordLength {
		return models.Invalid(name, "must encode 1 to %d characters", models.MaxPasswordLength)
	}
	return h.login.checkOwn(w, r, hash, password, "The password is wrong.")
}
