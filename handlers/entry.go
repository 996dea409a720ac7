package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/models"
)

// entry is what makes sessions: tokens, cookies, and what the settings allow.
type entry struct {
	people
	tokens    *token.Keys
	passwords *token.Passwords
	quotas    quotas
	guesses   *guesses
	space     func() error
	settings  Settings
}

// opening is a session about to be opened, by a sign-up or a log-in.
type opening struct {
	key    *string // the Idempotency-Key
	body   []byte  // of the request
	cookie bool    // whether the refresh token goes into a cookie
	// prove makes a key of the secret in the body, and of the Idempotency-Key; nil for a body that has no secret.
	prove func(key string) ([]byte, error)
	store func(n models.NewSession, once *models.Once) (models.Login, error)
	// repeated refuses a session that was opened before under the Idempotency-Key; nil for none.
	repeated func(models.Session) error
	location func(models.Session) string
}

// begin opens a session. Under an Idempotency-Key its answer is kept sealed, since it holds tokens: only the secret of the
// first caller opens it.
func (e entry) begin(r *http.Request, o opening) (reply, error) {
	proof, err := o.proof()
	if err != nil {
		return reply{}, err
	}
	refresh, hash := token.NewRefresh()
	now := time.Now()
	var once *models.Once
	if proof != nil {
		once = newSecretOnce(r, *o.key, proof, o.body, func(created any) ([]byte, error) {
			session, err := e.session(created.(models.Login), refresh, now)
			if err != nil {
				return nil, err
			}
			return e.seal(session, proof)
		})
	}
	var session models.Session
	var replayed *models.Replayed
	login, err := o.store(models.NewSession{RefreshHash: hash, Device: deviceOf(r)}, once)
	if errors.As(err, &replayed) {
		session, err = e.replay(o, replayed, proof)
	} else if err == nil {
		session, err = e.session(login, refresh, now)
	}
	if err != nil {
		return reply{}, err
	}
	re := reply{status: http.StatusCreated, location: o.location(session), replayed: replayed != nil}
	return e.hand(r, re, session, o.cookie), nil
}

// proof is what proves who makes the request, nil when there is no Idempotency-Key.
func (o opening) proof() ([]byte, error) {
	if o.key == nil {
		return nil, nil
	}
	if err := checkKey(*o.key); err != nil {
		return nil, err
	}
	if o.prove == nil {
		return nil, models.Invalid(keyHeader, "is not taken with a guest's log-in: nothing in it proves who asks, "+
			"and the answer opens the session. Leave it out; when no answer comes, ask again under another username")
	}
	return o.prove(*o.key)
}

// replay is the session that the first call under the Idempotency-Key opened.
func (e entry) replay(o opening, first *models.Replayed, proof []byte) (models.Session, error) {
	session, err := e.unseal(first.Body, proof)
	if err == nil && o.repeated != nil {
		err = o.repeated(session)
	}
	return session, err
}

// provePassword makes a key of a user's password, once for a request. Guessing it from that takes as long as from its stored
// hash.
func (e entry) provePassword(r *http.Request, account, password string) func(key string) ([]byte, error) {
	var proof []byte
	return func(key string) (_ []byte, err error) {
		if proof == nil {
			salt := e.tokens.Proof("password", r.URL.Path, key, account)
			proof, err = e.passwords.Stretch(r.Context(), networkOf(r), password, salt)
		}
		return proof, err
	}
}

// session is a log-in with its tokens. Made twice of the same, it is the same.
func (e entry) session(login models.Login, refresh string, at time.Time) (models.Session, error) {
	access, err := e.tokens.Issue(models.Caller{UserID: login.User.ID, SessionID: login.SessionID}, token.API, at)
	return models.Session{
		AccessToken: access, TokenType: "Bearer", ExpiresIn: int(models.AccessTokenLife.Seconds()),
		RefreshToken: refresh, SessionID: login.SessionID, User: e.own(login.User),
	}, err
}

func (e entry) seal(session models.Session, proof []byte) ([]byte, error) {
	answer, err := encode(session)
	if err != nil {
		return nil, err
	}
	sealed, err := e.tokens.Seal(answer, proof)
	return []byte(sealed), err
}

func (e entry) unseal(sealed, proof []byte) (models.Session, error) {
	var session models.Session
	answer, err := e.tokens.Unseal(string(sealed), proof)
	if err == nil {
		err = json.Unmarshal(answer, &session)
	}
	return session, err
}

// hand gives the session to the client: the refresh token in the body, or in a cookie.
func (e entry) hand(r *http.Request, re reply, session models.Session, inCookie bool) reply {
	if inCookie {
		re.cookies = append(re.cookies, e.cookie(r, refreshCookie, refreshCookiePath, session.RefreshToken))
		session.RefreshToken = ""
	}
	re.body = session
	return re
}

// deviceOf is what the user is shown of where a session is used. It is a hint: a client can send any User-Agent.
func deviceOf(r *http.Request) models.Device {
	agent := strings.ReplaceAll(strings.ToValidUTF8(r.UserAgent(), "\uFFFD"), "\x00", "")
	return models.Device{UserAgent: cut(agent, models.MaxUserAgentLength), IP: addressOf(r)}
}
