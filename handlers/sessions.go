package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth"
	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type sessionStore interface {
	// Password returns the id and the password's hash of a user, or not_found.
	Password(ctx context.Context, username string) (userID int64, hash string, err error)
	LogIn(
		ctx context.Context, userID int64, hash string, n models.NewSession, call *models.IdempotentCall,
	) (models.Login, error)
	LogInWithCode(
		ctx context.Context, code models.LoginCode, n models.NewSession, call *models.IdempotentCall,
	) (models.Login, error)
	// GuestsOf counts the guests who were created from a network, up to limit.
	GuestsOf(ctx context.Context, network string, limit int) (int, error)
	SignUp(
		ctx context.Context, a models.NewAccount, n models.NewSession, call *models.IdempotentCall,
	) (models.Login, error)
	Refresh(ctx context.Context, n models.Renewal) (login models.Login, sealed string, err error)
	Sessions(ctx context.Context, caller models.Caller, page models.Paging) (models.Page[models.SessionInfo], error)
	LogOut(ctx context.Context, userID int64, sessionID string) (models.Cursor, error)
}

// guestRules decide whether a guest may log in.
type guestRules struct {
	allowed bool         // whether the server takes guests
	limited bool         // whether the guests of one network are limited
	space   func() error // nil while there is space on the disk
}

// sessions are log-ins.
type sessions struct {
	store  sessionStore
	login  login
	guests guestRules
}

func newSessions(store sessionStore, l login, g guestRules) sessions {
	return sessions{store: store, login: l, guests: g}
}

// LogIn opens a session: with a password, as a guest, or with the code of a log-in through a provider.
func (h sessions) LogIn(w http.ResponseWriter, r *http.Request, params api.LogInParams) {
	respond(w, r, func() (response, error) {
		body, err := codec.ReadBody(w, r)
		if err != nil {
			return response{}, err
		}
		c, err := codec.Parse[models.Credentials](body)
		if err != nil {
			return response{}, err
		}
		o := auth.Opening{Key: params.IdempotencyKey, Body: body, Cookie: c.Cookie}
		switch {
		case c.LoginCode != "":
			o.Store = h.withCode(r, c)
			// It includes the browser's secret, so that only this browser gets the response again.
			o.Prove = func(key string) ([]byte, error) {
				return h.login.sessions.Tokens.Proof("login code", key, c.LoginCode, auth.BrowserSecret(r)), nil
			}
		case c.Guest:
			o.Store, err = h.asGuest(w, r, c)
		default:
			o.Store, err = h.withPassword(w, r, c)
			o.Prove = h.login.sessions.ProvePassword(r, accountKey(c.Username), c.Password)
		}
		if err != nil {
			return response{}, err
		}
		return h.login.openSession(r, o, func(s models.Session) string { return "/v1/sessions/" + s.SessionID })
	})
}

// storeSession stores a session of a user who has been authenticated.
type storeSession = func(n models.NewSession, call *models.IdempotentCall) (models.Login, error)

// asGuest creates a guest, who is a new user. The guests of one network are limited.
func (h sessions) asGuest(w http.ResponseWriter, r *http.Request, c models.Credentials) (storeSession, error) {
	if !h.guests.allowed {
		return nil, models.Errorf(models.CodeForbidden, "This server does not accept guests.")
	}
	if err := h.guests.space(); err != nil {
		return nil, err
	}
	if err := h.login.quotas.TakeGuest(w, r); err != nil {
		return nil, err
	}
	network := request.Network(r)
	if h.guests.limited {
		n, err := h.store.GuestsOf(r.Context(), network, models.MaxGuestsOfNetwork)
		if err == nil && n >= models.MaxGuestsOfNetwork {
			err = limit.RateLimited("guests_of_network", models.IdleGuestLife/models.MaxGuestsOfNetwork+time.Minute)
		}
		if err != nil {
			return nil, err
		}
	}
	account := models.NewAccount{
		Username: c.Username, DisplayName: valueOf(c.DisplayName), Guest: true, Network: network,
	}
	return func(n models.NewSession, call *models.IdempotentCall) (models.Login, error) {
		return h.store.SignUp(r.Context(), account, n, call)
	}, nil
}

func (h sessions) withCode(r *http.Request, c models.Credentials) storeSession {
	code := models.LoginCode{Hash: token.Hash(c.LoginCode), BrowserHash: token.Hash(auth.BrowserSecret(r))}
	return func(n models.NewSession, call *models.IdempotentCall) (models.Login, error) {
		return h.store.LogInWithCode(r.Context(), code, n, call)
	}
}

// withPassword checks the password. A client must not learn whether the password or the username is wrong, not even
// from the time that the response takes.
func (h sessions) withPassword(w http.ResponseWriter, r *http.Request, c models.Credentials) (storeSession, error) {
	id, hash, err := h.store.Password(r.Context(), c.Username)
	if err != nil && !errors.Is(err, &models.Error{Code: models.CodeNotFound}) {
		return nil, err
	}
	match, err := h.login.check(w, r, accountKey(c.Username), id, hash, c.Password)
	if err != nil {
		return nil, err
	}
	if !match {
		return nil, models.Errorf(models.CodeBadCredentials, "The username and the password do not match.")
	}
	return func(n models.NewSession, call *models.IdempotentCall) (models.Login, error) {
		return h.store.LogIn(r.Context(), id, hash, n, call)
	}, nil
}

// RefreshSession exchanges a refresh token for new tokens.
func (h sessions) RefreshSession(w http.ResponseWriter, r *http.Request) {
	respond(w, r, func() (response, error) {
		body, err := codec.DecodeOptional[models.Refresh](w, r)
		if err != nil {
			return response{}, err
		}
		inCookie := body.RefreshToken == ""
		if inCookie {
			if body.RefreshToken, err = h.login.sessions.RefreshToken(r); err != nil {
				return response{}, err
			}
		}
		login, successor, err := h.renew(r, body.RefreshToken)
		if err != nil {
			return response{}, err
		}
		s, err := h.login.sessions.Renew(r, login, successor, inCookie || body.Cookie)
		return response{status: http.StatusOK, body: s.Session, cookies: s.Cookies}, err
	})
}

// renew exchanges a refresh token for its successor: a new one, or the one of an earlier request, whose response was
// lost. The successor is stored in a form that only the spent token opens.
func (h sessions) renew(r *http.Request, spent string) (login models.Login, successor string, err error) {
	successor, hash := token.NewRefresh()
	sealed, err := h.login.sessions.Tokens.Seal([]byte(successor), []byte(spent))
	if err != nil {
		return login, "", err
	}
	login, kept, err := h.store.Refresh(r.Context(), models.Renewal{
		SpentHash: token.Hash(spent), RefreshHash: hash, Sealed: sealed, Device: auth.DeviceOf(r), At: models.Now(),
	})
	if err != nil || kept == sealed {
		return login, successor, err
	}
	opened, err := h.login.sessions.Tokens.Unseal(kept, []byte(spent))
	if err != nil { // sealed under another token secret, before this server started
		err = &models.Error{Code: models.CodeUnauthenticated, Message: "This refresh token is not known.", Err: err}
	}
	return login, string(opened), err
}

// ListSessions lists the caller's sessions.
func (h sessions) ListSessions(w http.ResponseWriter, r *http.Request, params api.ListSessionsParams) {
	respondPage(w, r, func() (response, error) {
		page, err := paging(params.Limit, params.Cursor)
		if err != nil {
			return response{}, err
		}
		list, err := h.store.Sessions(r.Context(), request.Caller(r), page)
		return plain(list), err
	})
}

// LogOut ends one of the caller's sessions. Its event is for that session alone, so the response names none.
func (h sessions) LogOut(w http.ResponseWriter, r *http.Request, session api.PathSession) {
	respond(w, r, func() (response, error) {
		caller := request.Caller(r)
		if session == "current" {
			session = caller.SessionID
		}
		if _, err := h.store.LogOut(r.Context(), caller.UserID, session); err != nil {
			return response{}, err
		}
		res := done(models.Cursor{})
		if session == caller.SessionID {
			res.cookies = h.login.sessions.ForgetCookies(r)
		}
		return res, nil
	})
}
