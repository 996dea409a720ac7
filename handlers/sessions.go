package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/models"
)

type sessionStore interface {
	Password(ctx context.Context, username string) (userID int64, hash string, err error)
	LogIn(ctx context.Context, userID int64, hash string, n models.NewSession, once *models.Once) (models.Login, error)
	Refresh(ctx context.Context, n models.Renewal) (login models.Login, sealed string, err error)
	Sessions(ctx context.Context, caller models.Caller, page models.Paging) (models.Page[models.SessionInfo], error)
	LogInWithCode(ctx context.Context, code models.LoginCode, n models.NewSession, once *models.Once) (models.Login, error)
	LogOut(ctx context.Context, userID int64, sessionID string) (models.Cursor, error)
}

// sessions are log-ins.
type sessions struct {
	store  sessionStore
	users  userStore
	guests guestStore
	entry  entry
}

type guestStore interface {
	// GuestsOf counts the guests who were made from a network, up to most.
	GuestsOf(ctx context.Context, network string, most int) (int, error)
}

// LogIn opens a session: with a password, as a guest, or with the code that a log-in through a provider ended with.
func (h sessions) LogIn(w http.ResponseWriter, r *http.Request, params api.LogInParams) {
	answer(w, r, func() (reply, error) {
		body, err := readBody(w, r)
		if err != nil {
			return reply{}, err
		}
		c, err := parse[models.Credentials](body)
		if err != nil {
			return reply{}, err
		}
		o := opening{
			key: params.IdempotencyKey, body: body, cookie: c.Cookie,
			location: func(s models.Session) string { return "/v1/sessions/" + s.SessionID },
		}
		switch {
		case c.LoginCode != "":
			o.store = h.withCode(r, c)
			o.prove = func(key string) ([]byte, error) { // with the browser's, so that no other one is answered the same
				return h.entry.tokens.Proof("login code", key, c.LoginCode, secretOf(r)), nil
			}
		case c.Guest:
			o.store, err = h.asGuest(w, r, c)
		default:
			o.store, err = h.withPassword(w, r, c)
			o.prove = h.entry.provePassword(r, accountOf(c.Username), c.Password)
		}
		if err != nil {
			return reply{}, err
		}
		return h.entry.begin(r, o)
	})
}

// storeSession stores a session once it is decided whose it is.
type storeSession = func(n models.NewSession, once *models.Once) (models.Login, error)

// asGuest makes a guest, who is a new user: of those there are only so many from one network.
func (h sessions) asGuest(w http.ResponseWriter, r *http.Request, c models.Credentials) (storeSession, error) {
	if !h.entry.settings.Guests {
		return nil, models.Errorf(models.CodeForbidden, "This server takes no guests.")
	}
	if err := h.entry.space(); err != nil {
		return nil, err
	}
	if err := newcomer(w, r, h.entry.quotas.guests); err != nil {
		return nil, err
	}
	network := networkOf(r)
	if h.entry.settings.RateLimit {
		n, err := h.guests.GuestsOf(r.Context(), network, models.MaxGuestsOfNetwork)
		if err == nil && n >= models.MaxGuestsOfNetwork {
			err = limited("guests_of_network", models.IdleGuestLife/models.MaxGuestsOfNetwork+time.Minute)
		}
		if err != nil {
			return nil, err
		}
	}
	account := models.NewAccount{
		Username: c.Username, DisplayName: given(c.DisplayName), Guest: true, Network: network,
	}
	return func(n models.NewSession, once *models.Once) (models.Login, error) {
		return h.users.SignUp(r.Context(), account, n, once)
	}, nil
}

func (h sessions) withCode(r *http.Request, c models.Credentials) storeSession {
	code := models.LoginCode{Hash: token.Hash(c.LoginCode), BrowserHash: token.Hash(secretOf(r))}
	return func(n models.NewSession, once *models.Once) (models.Login, error) {
		return h.store.LogInWithCode(r.Context(), code, n, once)
	}
}

// accountOf is the account that a log-in is for, in however many ways its name can be written.
func accountOf(username string) string {
	if key, ok := models.NameKey(username, models.MaxUsernameLength); ok {
		return key
	}
	return username
}

// withPassword checks the password. Whether it or the user is wrong is not to be learned, not even from the time that
// the answer takes.
func (h sessions) withPassword(w http.ResponseWriter, r *http.Request, c models.Credentials) (storeSession, error) {
	ctx := r.Context()
	id, hash, err := h.store.Password(ctx, c.Username)
	if err != nil && !errors.Is(err, &models.Error{Code: models.CodeNotFound}) {
		return nil, err
	}
	match, err := h.entry.guesses.check(w, r, accountOf(c.Username), id, func() (bool, error) {
		return h.entry.passwords.Match(ctx, networkOf(r), hash, c.Password)
	})
	if err != nil {
		return nil, err
	}
	if !match {
		return nil, models.Errorf(models.CodeBadCredentials, "The username and the password do not match.")
	}
	return func(n models.NewSession, once *models.Once) (models.Login, error) {
		return h.store.LogIn(ctx, id, hash, n, once)
	}, nil
}

// RefreshSession trades a refresh token for new tokens.
func (h sessions) RefreshSession(w http.ResponseWriter, r *http.Request) {
	answer(w, r, func() (reply, error) {
		body, err := decodeOptional[models.Refresh](w, r)
		if err != nil {
			return reply{}, err
		}
		inCookie := body.RefreshToken == ""
		if inCookie {
			if body.RefreshToken, err = h.refreshFromCookie(r); err != nil {
				return reply{}, err
			}
		}
		login, successor, err := h.renew(r, body.RefreshToken)
		if err != nil {
			return reply{}, err
		}
		session, err := h.entry.session(login, successor, time.Now())
		return h.entry.hand(r, reply{status: http.StatusOK}, session, inCookie || body.Cookie), err
	})
}

// renew trades a refresh token for its successor: a new one, or the one that an earlier call got, whose answer was lost. In
// between the successor is kept in a form that only the spent token opens.
func (h sessions) renew(r *http.Request, spent string) (login models.Login, successor string, err error) {
	successor, hash := token.NewRefresh()
	sealed, err := h.entry.tokens.Seal([]byte(successor), []byte(spent))
	if err != nil {
		return login, "", err
	}
	login, kept, err := h.store.Refresh(r.Context(), models.Renewal{
		SpentHash: token.Hash(spent), RefreshHash: hash, Sealed: sealed, Device: deviceOf(r), At: models.Now(),
	})
	if err != nil || kept == sealed {
		return login, successor, err
	}
	opened, err := h.entry.tokens.Unseal(kept, []byte(spent))
	if err != nil { // sealed under another token secret, before this server started
		err = &models.Error{Code: models.CodeUnauthenticated, Message: "This refresh token is not known.", Err: err}
	}
	return login, string(opened), err
}

func (h sessions) refreshFromCookie(r *http.Request) (string, error) {
	c, err := r.Cookie(refreshCookie)
	if err != nil || c.Value == "" {
		return "", models.Errorf(models.CodeUnauthenticated, "This route needs a refresh token.")
	}
	if !h.entry.trustsOrigin(r) {
		return "", models.Errorf(models.CodeUnauthenticated, "The cookie is not taken from a page of this Origin.")
	}
	return c.Value, nil
}

// ListSessions lists the caller's sessions.
func (h sessions) ListSessions(w http.ResponseWriter, r *http.Request, params api.ListSessionsParams) {
	answer(w, r, func() (reply, error) {
		page, err := paging(params.Limit, params.Cursor)
		if err != nil {
			return reply{}, err
		}
		list, err := h.store.Sessions(r.Context(), callerOf(r), page)
		return plain(list), err
	})
}

// LogOut ends one of the caller's sessions. Its event is for that session alone, so the answer names none.
func (h sessions) LogOut(w http.ResponseWriter, r *http.Request, session api.PathSession) {
	answer(w, r, func() (reply, error) {
		caller := callerOf(r)
		if session == "current" {
			session = caller.SessionID
		}
		if _, err := h.store.LogOut(r.Context(), caller.UserID, session); err != nil {
			return reply{}, err
		}
		re := done(models.Cursor{})
		if session == caller.SessionID {
			re.cookies = h.entry.forget(r)
		}
		return re, nil
	})
}
