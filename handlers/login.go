package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/auth"
	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// login is what handlers need to let users in: it limits and checks passwords, and opens sessions.
type login struct {
	sessions  auth.SessionIssuer
	quotas    limit.Quotas
	guesses   *limit.Guesses
	passwords passwordHasher
}

// passwordHasher hashes and checks passwords. Each call waits for its turn in its network's queue.
type passwordHasher interface {
	Hash(ctx context.Context, network, password string) (hash string, err error)
	Match(ctx context.Context, network, hash, password string) (bool, error)
}

// hash hashes a new password.
func (l login) hash(r *http.Request, password string) (string, error) {
	return l.passwords.Hash(r.Context(), request.Network(r), password)
}

// match reports whether a password is right, without counting a wrong one. It takes the same time if there is no hash.
func (l login) match(r *http.Request, hash, password string) (bool, error) {
	return l.passwords.Match(r.Context(), request.Network(r), hash, password)
}

// check reports whether a password is right, if the client may try one at the account now. userID is 0 if there is no
// such account.
func (l login) check(
	w http.ResponseWriter, r *http.Request, account string, userID int64, hash, password string,
) (bool, error) {
	return l.guesses.Check(w, r, account, userID, func() (bool, error) { return l.match(r, hash, password) })
}

// checkOwn returns bad_credentials with the message if the password is not the caller's own.
func (l login) checkOwn(w http.ResponseWriter, r *http.Request, hash, password, message string) error {
	caller := request.Caller(r).UserID
	match, err := l.check(w, r, limit.UserKey(caller), caller, hash, password)
	if err == nil && !match {
		err = models.Errorf(models.CodeBadCredentials, "%s", message)
	}
	return err
}

// accountKey is the key of an account for limits, however its name is written.
func accountKey(username string) string {
	if key, ok := models.NameKey(username, models.MaxUsernameLength); ok {
		return key
	}
	return username
}

// openSession opens a session and returns the response with it, at the location that location returns.
func (l login) openSession(r *http.Request, o auth.Opening, location func(models.Session) string) (response, error) {
	s, err := l.sessions.Open(r, o)
	if err != nil {
		return response{}, err
	}
	return response{
		status: http.StatusCreated, body: s.Session, location: location(s.Session), replayed: s.Replayed, cookies: s.Cookies,
	}, nil
}
