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

// sessionIssuer opens sessions for sign-ups and log-ins: it makes their tokens and cookies.
type sessionIssuer struct {
	tokens      *token.Keys
	passwords   *token.Passwords
	publicURL   string                          // where clients reach the server; "" for where a request was sent to
	corsOrigins []string                        // origins whose pages may call the server, or "*"
	present     func(u models.User) models.User // fills in what no database knows of a session's own user
}

// opening is a session that is about to be opened, by a sign-up or a log-in.
type opening struct {
	key    *string // the Idempotency-Key; nil for none
	body   []byte  // of the request
	cookie bool    // whether the refresh token goes into a cookie
	// prove derives a key from the secret in the body and the Idempotency-Key; nil for a body without a secret.
	prove func(key string) ([]byte, error)
	store func(n models.NewSession, once *models.Once) (models.Login, error)
	// repeated checks a session that was opened earlier with the same Idempotency-Key; nil for no check.
	repeated func(models.Session) error
}

// opened is a session that was opened, as its client gets it.
type opened struct {
	session  models.Session
	cookies  []*http.Cookie
	replayed bool // by an earlier request with the same Idempotency-Key
}

// open opens a session. With an Idempotency-Key its answer is stored sealed, because it contains tokens: only the secret of
// the first request opens it.
func (i sessionIssuer) open(r *http.Request, o opening) (opened, error) {
	proof, err := o.proof()
	if err != nil {
		return opened{}, err
	}
	refresh, hash := token.NewRefresh()
	now := time.Now()
	var once *models.Once
	if proof != nil {
		once = newSecretOnce(r, *o.key, proof, o.body, func(created any) ([]byte, error) {
			session, err := i.session(created.(models.Login), refresh, now)
			if err != nil {
				return nil, err
			}
			return i.seal(session, proof)
		})
	}
	var session models.Session
	var replayed *models.Replayed
	login, err := o.store(models.NewSession{RefreshHash: hash, Device: deviceOf(r)}, once)
	if errors.As(err, &replayed) {
		session, err = i.replay(o, replayed, proof)
	} else if err == nil {
		session, err = i.session(login, refresh, now)
	}
	if err != nil {
		return opened{}, err
	}
	session, cookies := i.hand(r, session, o.cookie)
	return opened{session: session, cookies: cookies, replayed: replayed != nil}, nil
}

// proof identifies the caller of a request with an Idempotency-Key; nil if there is no key.
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

// replay returns the session that the first request with the same Idempotency-Key opened.
func (i sessionIssuer) replay(o opening, first *models.Replayed, proof []byte) (models.Session, error) {
	session, err := i.unseal(first.Body, proof)
	if err == nil && o.repeated != nil {
		err = o.repeated(session)
	}
	return session, err
}

// provePassword returns a function that derives a key from a password, at most once per request. To guess the password from
// that key takes as long as from its stored hash.
func (i sessionIssuer) provePassword(r *http.Request, account, password string) func(key string) ([]byte, error) {
	var proof []byte
	return func(key string) (_ []byte, err error) {
		if proof == nil {
			salt := i.tokens.Proof("password", r.URL.Path, key, account)
			proof, err = i.passwords.Stretch(r.Context(), networkOf(r), password, salt)
		}
		return proof, err
	}
}

// session makes the tokens of a log-in. The same arguments give the same session.
func (i sessionIssuer) session(login models.Login, refresh string, at time.Time) (models.Session, error) {
	access, err := i.tokens.Issue(models.Caller{UserID: login.User.ID, SessionID: login.SessionID}, token.API, at)
	return models.Session{
		AccessToken: access, TokenType: "Bearer", ExpiresIn: int(models.AccessTokenLife.Seconds()),
		RefreshToken: refresh, SessionID: login.SessionID, User: i.present(login.User),
	}, err
}

// renewed makes new tokens for a session, with its next refresh token.
func (i sessionIssuer) renewed(r *http.Request, login models.Login, refresh string, inCookie bool) (opened, error) {
	session, err := i.session(login, refresh, time.Now())
	session, cookies := i.hand(r, session, inCookie)
	return opened{session: session, cookies: cookies}, err
}

func (i sessionIssuer) seal(session models.Session, proof []byte) ([]byte, error) {
	answer, err := encode(session)
	if err != nil {
		return nil, err
	}
	sealed, err := i.tokens.Seal(answer, proof)
	return []byte(sealed), err
}

func (i sessionIssuer) unseal(sealed, proof []byte) (models.Session, error) {
	var session models.Session
	answer, err := i.tokens.Unseal(string(sealed), proof)
	if err == nil {
		err = json.Unmarshal(answer, &session)
	}
	return session, err
}

// hand moves the refresh token from the body into a cookie if the client wants that.
func (i sessionIssuer) hand(r *http.Request, session models.Session, inCookie bool) (models.Session, []*http.Cookie) {
	if !inCookie {
		return session, nil
	}
	cookie := i.cookie(r, refreshCookie, refreshCookiePath, session.RefreshToken)
	session.RefreshToken = ""
	return session, []*http.Cookie{cookie}
}

// deviceOf returns what the user is shown about where a session is used. It is a hint only: clients may send any User-Agent.
func deviceOf(r *http.Request) models.Device {
	agent := strings.ReplaceAll(strings.ToValidUTF8(r.UserAgent(), "\uFFFD"), "\x00", "")
	return models.Device{UserAgent: cut(agent, models.MaxUserAgentLength), IP: addressOf(r)}
}
