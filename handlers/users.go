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
	"github.com/parley-chat/parley/models"
)

type userStore interface {
	// UsernameFree is username_taken when somebody other than the user with the id except has the name.
	UsernameFree(ctx context.Context, username string, except int64) error
	KnowsKey(ctx context.Context, once *models.Once) (bool, error)
	SignUp(ctx context.Context, a models.NewAccount, n models.NewSession, once *models.Once) (models.Login, error)
	Settle(ctx context.Context, guestID int64, a models.NewAccount, n models.NewSession, once *models.Once) (models.Login, error)
	User(ctx context.Context, path models.UserPath) (models.User, error)
	ChangeProfile(ctx context.Context, userID int64, p models.ProfileChange) (models.User, error)
	DeleteAccount(ctx context.Context, userID int64) error
	// LastProof is the hash of the caller's password, "" where there is none, and when they last proved who they are.
	LastProof(ctx context.Context, caller models.Caller) (hash string, at models.Time, err error)
}

// users are accounts and their public profiles.
type users struct {
	store interface {
		userStore
		passwordStore
		logHead
	}
	entry entry
}

// SignUp makes an account and its first session. A guest who signs up becomes the account.
func (h users) SignUp(w http.ResponseWriter, r *http.Request, params api.SignUpParams) {
	answer(w, r, func() (reply, error) {
		body, err := readBody(w, r)
		if err != nil {
			return reply{}, err
		}
		n, err := parse[models.NewUser](body)
		if err != nil {
			return reply{}, err
		}
		prove := h.entry.provePassword(r, accountOf(n.Username), n.Password)
		if err := h.mayMake(w, r, n, params.IdempotencyKey, prove, body); err != nil {
			return reply{}, err
		}
		hash, err := h.entry.passwords.Hash(r.Context(), networkOf(r), n.Password)
		if err != nil {
			return reply{}, err
		}
		account := models.NewAccount{
			Username: n.Username, DisplayName: given(n.DisplayName), Description: given(n.Description), PasswordHash: hash,
		}
		return h.entry.begin(r, opening{
			key: params.IdempotencyKey, body: body, cookie: n.Cookie,
			prove:    prove,
			repeated: func(s models.Session) error { return h.stillTheirs(r, s, n.Password) },
			store: func(n models.NewSession, once *models.Once) (models.Login, error) {
				if guest := callerOf(r).UserID; guest != 0 {
					return h.store.Settle(r.Context(), guest, account, n, once)
				}
				return h.store.SignUp(r.Context(), account, n, once)
			},
			location: func(s models.Session) string { return fmt.Sprintf("/v1/users/%d", s.User.ID) },
		})
	})
}

// stillTheirs refuses a session of a sign-up that was answered before, when the password is another one by now or the account
// is gone: unlike at a log-in, nobody has asked for it yet.
func (h users) stillTheirs(r *http.Request, s models.Session, password string) error {
	hash, _, err := h.store.PasswordOf(r.Context(), s.User.ID)
	if err != nil && !errors.Is(err, models.NotFound()) {
		return err
	}
	match, err := h.entry.passwords.Match(r.Context(), networkOf(r), hash, password)
	if err == nil && !match {
		err = models.Errorf(models.CodeBadCredentials, "This sign-up was answered before, and the password is another one by now.")
	}
	return err
}

// mayMake refuses an account that cannot come to be before anything is spent on it: its hash costs as much as a thousand
// other requests. A call that is repeated under its Idempotency-Key finds its own name taken. Whether it is one is known by
// its password, so asking is a try at that.
func (h users) mayMake(w http.ResponseWriter, r *http.Request, n models.NewUser, key *string,
	prove func(key string) ([]byte, error), body []byte) error {
	if key != nil {
		if err := checkKey(*key); err != nil {
			return err
		}
	}
	taken := h.store.UsernameFree(r.Context(), n.Username, callerOf(r).UserID)
	switch {
	case taken == nil:
		return newcomer(w, r, h.entry.quotas.accounts)
	case key == nil:
		return taken
	}
	known, err := h.entry.guesses.check(w, r, accountOf(n.Username), 0, func() (bool, error) {
		proof, err := prove(*key)
		if err != nil {
			return false, err
		}
		return h.store.KnowsKey(r.Context(), newSecretOnce(r, *key, proof, body, nil))
	})
	if err == nil && !known {
		err = taken
	}
	return err
}

// GetMe is the caller's own profile.
func (h users) GetMe(w http.ResponseWriter, r *http.Request) { h.GetUser(w, r, "me") }

// GetUser is a user's profile.
func (h users) GetUser(w http.ResponseWriter, r *http.Request, user api.PathUser) {
	answer(w, r, func() (reply, error) {
		path, err := userAt(user, callerOf(r).UserID)
		if err != nil {
			return reply{}, err
		}
		return snapshot(r, h.store, func() (models.User, error) {
			u, err := h.store.User(r.Context(), path)
			if err == nil {
				err = h.entry.see(r.Context(), callerOf(r).UserID, &u)
			}
			return u, err
		})
	})
}

// UpdateMe changes the caller's own profile.
func (h users) UpdateMe(w http.ResponseWriter, r *http.Request) {
	answer(w, r, func() (reply, error) {
		change, err := decode[models.ProfileChange](w, r)
		if err != nil {
			return reply{}, err
		}
		u, err := h.store.ChangeProfile(r.Context(), callerOf(r).UserID, change)
		return plain(h.entry.own(u)), err
	})
}

// DeleteMe deletes the caller's account. Its events are for others, so the answer names none.
func (h users) DeleteMe(w http.ResponseWriter, r *http.Request, params api.DeleteMeParams) {
	answer(w, r, func() (reply, error) {
		if err := h.prove(w, r, params.ParleyPassword); err != nil {
			return reply{}, err
		}
		if err := h.store.DeleteAccount(r.Context(), callerOf(r).UserID); err != nil {
			return reply{}, err
		}
		re := done(models.Cursor{})
		re.cookies = h.entry.forget(r)
		return re, nil
	})
}

// prove wants the caller's password, where there is one, before what cannot be taken back: a session that somebody left
// open, or a token that leaked, is not enough. Who has only just logged in need not say it again. One that comes in the
// header, percent-encoded, must be right in any case.
func (h users) prove(w http.ResponseWriter, r *http.Request, header *string) error {
	const name = "Parley-Password"
	hash, proved, err := h.store.LastProof(r.Context(), callerOf(r))
	switch {
	case err != nil:
		return err
	case header == nil && (hash == "" || time.Since(proved.Time) < models.ProofLife):
		return nil
	case hash == "":
		return models.Invalid(name, "cannot be right: this account has no password")
	case header == nil:
		return models.Invalid(name, "is required: this session was opened more than %.0f minutes ago", models.ProofLife.Minutes())
	}
	password, err := url.PathUnescape(*header)
	if err != nil || !utf8.ValidString(password) {
		return models.Invalid(name, "must be percent-encoded UTF-8")
	}
	if n := utf8.RuneCountInString(password); n == 0 || n > models.MaxPasswordLength {
		return models.Invalid(name, "must stand for 1 to %d characters", models.MaxPasswordLength)
	}
	caller := callerOf(r).UserID
	match, err := h.entry.guesses.check(w, r, userKey(caller), caller, func() (bool, error) {
		return h.entry.passwords.Match(r.Context(), networkOf(r), hash, password)
	})
	if err == nil && !match {
		err = models.Errorf(models.CodeBadCredentials, "The password is another one.")
	}
	return err
}
