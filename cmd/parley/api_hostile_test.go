package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/models"
)

// codes are the statuses that each code of the contract goes with.
var codes = map[models.Code]int{
	"invalid_request": 400, "malformed_body": 400, "unauthenticated": 401, "bad_credentials": 401, "token_expired": 401,
	"session_revoked": 401, "forbidden": 403, "banned": 403, "blocked": 403, "not_found": 404, "method_not_allowed": 405,
	"not_acceptable": 406, "username_taken": 409, "handle_taken": 409, "idempotency_mismatch": 409, "upload_conflict": 409,
	"expired": 410, "too_large": 413, "unsupported_media_type": 415, "bad_file": 422, "rate_limited": 429,
	"unavailable": 503,
}

// otherStatuses are those that HTTP and tus have a meaning of their own for, and the code that each comes with.
var otherStatuses = map[int]models.Code{
	412: models.CodeInvalidRequest, 416: models.CodeInvalidRequest, 423: models.CodeUploadConflict, 460: models.CodeUploadConflict,
}

// refused wants a problem of the contract with one of the codes, whole, and with its own status.
func (a *answer) refused(allowed ...models.Code) {
	a.t.Helper()
	if a.request.Method == http.MethodHead { // which has no body to look at
		for _, code := range allowed {
			if status := a.response.StatusCode; status == codes[code] || code == otherStatuses[status] {
				return
			}
		}
		a.t.Errorf("%v\nwanted the status of %q", a, allowed)
		return
	}
	if got := a.header("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("%v\nis of type %q", a, got)
		return
	}
	var p models.Problem
	a.into(&p)
	status, known := codes[p.Code]
	if otherStatuses[p.Status] == p.Code {
		status = p.Status
	}
	if !known || status != p.Status || status != a.response.StatusCode || p.Title == "" || p.Type == "" || p.Detail == "" {
		a.t.Errorf("%v\nis no problem of the contract", a)
	}
	if !slices.Contains(allowed, p.Code) {
		a.t.Errorf("%v\nwanted one of %q", a, allowed)
	}
	if p.RequestID == "" || p.RequestID != a.header("X-Request-Id") {
		a.t.Errorf("%v\nanswers for the request %q", a, a.header("X-Request-Id"))
	}
	if p.Status == 401 && a.header("WWW-Authenticate") == "" {
		a.t.Errorf("%v\ndoes not say how to authenticate", a)
	}
	if err := a.breach(false); err != nil {
		a.t.Errorf("%v\nis not as the contract has it: %v", a, err)
	}
}

// unchanged wants nothing to have happened since it was called: the log has not moved, and I am who I was.
func (c *client) unchanged() (stillSo func()) {
	c.t.Helper()
	look := func() string {
		me := c.call("GET", "/v1/users/me", nil).status(200)
		sessions := c.call("GET", "/v1/sessions", nil).status(200)
		return fmt.Sprint(me.header("Event-Cursor"), me.without(), strings.Count(string(sessions.body), `"id"`))
	}
	before := look()
	return func() {
		c.t.Helper()
		if after := look(); after != before {
			c.t.Errorf("something was changed:\n%s\n%s", before, after)
		}
	}
}

const testSecret = "a secret that the tests know, of 32 characters at least"

func testKeysOf(t *testing.T, secret string) *token.Keys {
	t.Helper()
	keys, err := token.New(secret)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// authorization is a value of that header, and what is to be answered to it.
type authorization struct {
	name, value string
	want        models.Code
}

// forgeries are all the ways not to be let in.
func forgeries(t *testing.T, me, loggedOut *client) []authorization {
	t.Helper()
	issue := func(secret string, caller models.Caller, audience token.Audience, at time.Time) string {
		signed, err := testKeysOf(t, secret).Issue(caller, audience, at)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	now := time.Now()
	caller := models.Caller{UserID: me.User.ID, SessionID: me.SessionID}
	good := issue(testSecret, caller, token.API, now)
	me.as(good).call("GET", "/v1/users/me", nil).status(200) // so the others are refused for what is wrong with them
	parts := strings.Split(good, ".")
	unsigned := func(alg string) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":%q,"typ":"JWT"}`, alg)) + "." + parts[1] + "."
	}
	other := issue(testSecret, models.Caller{UserID: me.User.ID + 1, SessionID: me.SessionID}, token.API, now)
	var list []authorization
	for _, a := range []authorization{
		{"no token", "", models.CodeUnauthenticated},
		{"expired", issue(testSecret, caller, token.API, now.Add(-models.AccessTokenLife-time.Second)), models.CodeTokenExpired},
		{"signed under another secret", issue("another secret", caller, token.API, now), models.CodeUnauthenticated},
		{"expired, under another secret", issue("another secret", caller, token.API, now.Add(-time.Hour)), models.CodeUnauthenticated},
		{"for the stream", issue(testSecret, caller, token.Events, now), models.CodeUnauthenticated},
		{"for the stream, expired", issue(testSecret, caller, token.Events, now.Add(-1000*time.Hour)), models.CodeUnauthenticated},
		{"alg none", unsigned("none"), models.CodeUnauthenticated},
		{"alg None", unsigned("None"), models.CodeUnauthenticated},
		{"alg none, signed", unsigned("none") + parts[2], models.CodeUnauthenticated},
		{"without its signature", parts[0] + "." + parts[1] + ".", models.CodeUnauthenticated},
		{"without its last character", good[:len(good)-2], models.CodeUnauthenticated},
		{"another's claims", parts[0] + "." + strings.Split(other, ".")[1] + "." + parts[2], models.CodeUnauthenticated},
		{"garbage", "garbage", models.CodeUnauthenticated},
		{"dots", "..", models.CodeUnauthenticated},
		{"long garbage", strings.Repeat("abc.", 2500), models.CodeUnauthenticated},
		{"a refresh token", me.RefreshToken, models.CodeUnauthenticated},
		{"another user in my session", other, models.CodeSessionRevoked},
		{"no such session", issue(testSecret, models.Caller{UserID: me.User.ID, SessionID: "unknown"}, token.API, now), models.CodeSessionRevoked},
		{"logged out", loggedOut.AccessToken, models.CodeSessionRevoked},
	} {
		a.value = "Bearer " + a.value
		list = append(list, a)
	}
	return append(list, authorization{"no header", "", models.CodeUnauthenticated},
		authorization{"another scheme", "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+password)), models.CodeUnauthenticated},
		authorization{"no scheme", good, models.CodeUnauthenticated})
}

// TestHostileTokens knocks at each operation without a good token. Before anything else it is asked who comes.
func TestHostileTokens(t *testing.T) {
	play(t, []scenario{{"each operation", func(t *testing.T, c *client) {
		s := newStage(c)
		loggedOut := c.newcomer("gone")
		loggedOut.call("DELETE", "/v1/sessions/current", nil).status(204)
		knocks := forgeries(t, s.me, loggedOut)
		stillSo := s.me.unchanged()
		for _, op := range operations() {
			if !op.needsToken() && op.OperationID != "SignUp" {
				continue
			}
			for _, k := range knocks {
				var headers []string
				if k.value != "" {
					headers = []string{"Authorization", k.value}
				}
				if k.value == "" && op.OperationID == "SignUp" {
					continue // which is open, but not to bad tokens
				}
				a := s.send(op, c, s.path(op), headers...)
				a.refused(k.want)
				if t.Failed() {
					t.Fatalf("%s: %s", op.OperationID, k.name)
				}
			}
		}
		stillSo()
	}}}, "--token-secret", testSecret)
}

// TestStrangers makes valid requests as another user, who is no member of the private room and has no part in the
// session nor the stream.
func TestStrangers(t *testing.T) {
	play(t, []scenario{{"each operation", func(_ *testing.T, c *client) {
		s := newStage(c)
		stillSo := s.me.unchanged()
		for _, op := range operations() {
			isAbout := func(part string) bool { return strings.Contains(op.path, part) }
			mine := slices.ContainsFunc([]string{"{room}", "{session}", "{file}", "{upload}"}, isAbout) || op.OperationID == "CreateUpload"
			if !mine || !op.needsToken() {
				continue
			}
			s.request(op, s.outsider).refused(models.CodeNotFound)
			if op.takesForm() {
				s.sendForm(op, s.outsider, s.path(op)).refused(models.CodeNotFound)
			}
		}
		stillSo()
	}}})
}
