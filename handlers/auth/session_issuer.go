package auth

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// SessionIssuer opens sessions for sign-ups and log-ins: it makes their tokens and cookies.
type SessionIssuer struct {
	Tokens      *token.Keys
	Passwords   *token.Passwords
	PublicURL   string                          // where clients reach the server; "" for where a request was sent to
	CORSOrigins []string                        // origins whose pages may call the server, or "*"
	Present     func(u models.User) models.User // fills in what no database knows of a session's own user
}

// Opening is a session that is about to be opened, by a sign-up or a log-in.
type Opening struct {
	Key    *string // the Idempotency-Key; nil for none
	Body   []byte  // of the request
	Cookie bool    // whether the refresh token goes into a cookie
	// Prove derives a key from the secret in the body and the Idempotency-Key; nil for a body without a secret.
	Prove func(key string) ([]byte, error)
	Store func(n models.NewSession, call *models.IdempotentCall) (models.Login, error)
	// Repeated checks a session that was opened earlier with the same Idempotency-Key; nil for no check.
	Repeated func(models.Session) error
}

// Opened is a session that was opened, as its client gets it.
type Opened struct {
	Session  models.Session
	Cookies  []*http.Cookie
	Replayed bool // by an earlier request with the same Idempotency-Key
}

// Open opens a session. With an Idempotency-Key its response is stored sealed, because it contains tokens: only the
// secret of the first request opens it.
func (i SessionIssuer) Open(r *http.Request, o Opening) (Opened, error) {
	proof, err := o.proof()
	if err != nil {
		return Opened{}, err
	}
	refresh, hash := token.NewRefresh()
	now := time.Now()
	var call *models.IdempotentCall
	if proof != nil {
		call = request.NewSecretCall(r, *o.Key, proof, o.Body, func(created any) ([]byte, error) {
			session, err := i.session(created.(models.Login), refresh, now)
			if err != nil {
				return nil, err
			}
			return i.seal(session, proof)
		})
	}
	var session models.Session
	var replayed *models.Replayed
	login, err := o.Store(models.NewSession{RefreshHash: hash, Device: DeviceOf(r)}, call)
	if errors.As(err, &replayed) {
		session, err = i.replay(o, replayed, proof)
	} else if err == nil {
		session, err = i.session(login, refresh, now)
	}
	if err != nil {
		return Opened{}, err
	}
	session, cookies := i.hand(r, session, o.Cookie)
	return Opened{Session: session, Cookies: cookies, Replayed: replayed != nil}, nil
}

// proof identifies the caller of a request with an Idempotency-Key; nil if there is no key.
func (o Opening) proof() ([]byte, error) {
	if o.Key == nil {
		return nil, nil
	}
	if err := request.CheckKey(*o.Key); err != nil {
		return nil, err
	}
	if o.Prove == nil {
		return nil, models.Invalid(
			request.IdempotencyKey,
			"is not accepted with a guest's log-in: nothing in it proves who sends it, "+
				"and the response opens the session. Leave it out; when no response comes, ask again under another username",
		)
	}
	return o.Prove(*o.Key)
}

// replay returns the session that the first request with the same Idempotency-Key opened.
func (i SessionIssuer) replay(o Opening, first *models.Replayed, proof []byte) (models.Session, error) {
	session, err := i.unseal(first.Body, proof)
	if err == nil && o.Repeated != nil {
		err = o.Repeated(session)
	}
	return session, err
}

// ProvePassword returns a function that derives a key from a password, at most once per request. To guess the password
// from that key takes as long as from its stored hash.
func (i SessionIssuer) ProvePassword(r *http.Request, account, password string) func(key string) ([]byte, error) {
	var proof []byte
	return func(key string) (_ []byte, err error) {
		if proof == nil {
			salt := i.Tokens.Proof("password", r.URL.Path, key, account)
			proof, err = i.Passwords.Stretch(r.Context(), request.Network(r), password, salt)
		}
		return proof, err
	}
}

// session makes the tokens of a log-in. The same arguments give the same session.
func (i SessionIssuer) session(login models.Login, refresh string, at time.Time) (models.Session, error) {
	access, err := i.Tokens.Issue(models.Caller{UserID: login.User.ID, SessionID: login.SessionID}, token.API, at)
	return models.Session{
		AccessToken: access, TokenType: "Bearer", ExpiresIn: int(models.AccessTokenLife.Seconds()),
		RefreshToken: refresh, SessionID: login.SessionID, User: i.Present(login.User),
	}, err
}

// Renew makes new tokens for a session, with its next refresh token.
func (i SessionIssuer) Renew(r *http.Request, login models.Login, refresh string, inCookie bool) (Opened, error) {
	session, err := i.session(login, refresh, time.Now())
	session, cookies := i.hand(r, session, inCookie)
	return Opened{Session: session, Cookies: cookies}, err
}

func (i SessionIssuer) seal(session models.Session, proof []byte) ([]byte, error) {
	response, err := codec.Encode(session)
	if err != nil {
		return nil, err
	}
	sealed, err := i.Tokens.Seal(response, proof)
	return []byte(sealed), err
}

func (i SessionIssuer) unseal(sealed, proof []byte) (models.Session, error) {
	var session models.Session
	response, err := i.Tokens.Unseal(string(sealed), proof)
	if err == nil {
		err = json.Unmarshal(response, &session)
	}
	return session, err
}

// hand moves the refresh token from the body into a cookie if the client wants that.
func (i SessionIssuer) hand(r *http.Request, session models.Session, inCookie bool) (models.Session, []*http.Cookie) {
	if !inCookie {
		return session, nil
	}
	cookie := i.cookie(r, refreshCookie, refreshCookiePath, session.RefreshToken)
	session.RefreshToken = ""
	return session, []*http.Cookie{cookie}
}

// DeviceOf returns what the user is shown about where a session is used. It is a hint only: clients may send any
// User-Agent.
func DeviceOf(r *http.Request) models.Device {
	agent := strings.ReplaceAll(strings.ToValidUTF8(r.UserAgent(), "\uFFFD"), "\x00", "")
	return models.Device{UserAgent: request.Truncate(agent, models.MaxUserAgentLength), IP: request.Address(r)}
}
