package api

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// expectUnchanged returns a function that checks that nothing has changed since: neither the end of the log nor the
// user and the number of their sessions.
func expectUnchanged(c *harness.Client) (expectSame func()) {
	c.T.Helper()
	read := func() string {
		me := c.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
		sessions := c.Call("GET", "/v1/sessions", nil).ExpectStatus(200)
		return fmt.Sprint(me.Header("Event-Cursor"), me.Without(), strings.Count(string(sessions.Body), `"id"`))
	}
	before := read()
	return func() {
		c.T.Helper()
		if after := read(); after != before {
			c.T.Errorf("something has changed: got\n%s\nwant\n%s", after, before)
		}
	}
}

const testSecret = "a secret that the tests know, of 32 characters at least"

// testKeysOf returns the keys that sign access tokens under a secret.
func testKeysOf(t *testing.T, secret string) *token.Keys {
	t.Helper()
	keys, err := token.New(secret)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// authorization is a value of the Authorization header, and the code of the problem it should get.
type authorization struct {
	name, value string
	want        models.Code
}

// forgedAuthorizations returns invalid values of the Authorization header of every kind.
func forgedAuthorizations(t *testing.T, me, loggedOut *harness.Client) []authorization {
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
	// This one is accepted, so the others are refused for their defects.
	me.WithToken(good).Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	parts := strings.Split(good, ".")
	unsigned := func(alg string) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":%q,"typ":"JWT"}`, alg)) + "." + parts[1] + "."
	}
	other := issue(testSecret, models.Caller{UserID: me.User.ID + 1, SessionID: me.SessionID}, token.API, now)
	var list []authorization
	for _, a := range []authorization{
		{"no token", "", models.CodeUnauthenticated},
		{"expired", issue(testSecret, caller, token.API, now.Add(-models.AccessTokenLife-time.Second)),
			models.CodeTokenExpired},
		{"signed under another secret", issue("another secret", caller, token.API, now), models.CodeUnauthenticated},
		{"expired, under another secret", issue("another secret", caller, token.API, now.Add(-time.Hour)),
			models.CodeUnauthenticated},
		{"for the stream", issue(testSecret, caller, token.Events, now), models.CodeUnauthenticated},
		{"for the stream, expired", issue(testSecret, caller, token.Events, now.Add(-1000*time.Hour)),
			models.CodeUnauthenticated},
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
		{"no such session", issue(testSecret, models.Caller{UserID: me.User.ID, SessionID: "unknown"}, token.API, now),
			models.CodeSessionRevoked},
		{"logged out", loggedOut.AccessToken, models.CodeSessionRevoked},
	} {
		a.value = "Bearer " + a.value
		list = append(list, a)
	}
	return append(list, authorization{"no header", "", models.CodeUnauthenticated},
		authorization{"another scheme", "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+harness.Password)),
			models.CodeUnauthenticated},
		authorization{"no scheme", good, models.CodeUnauthenticated})
}

// TestHostileTokens sends each operation's valid request without a valid token. Each is refused for that.
func TestHostileTokens(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "each operation", Run: func(t *testing.T, c *harness.Client) {
		s := newRequestFixture(c)
		loggedOut := c.NewGuest("loggedout")
		loggedOut.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
		forged := forgedAuthorizations(t, s.me, loggedOut)
		expectSame := expectUnchanged(s.me)
		for _, op := range harness.Operations() {
			if !op.NeedsToken() && op.OperationID != "SignUp" {
				continue
			}
			for _, f := range forged {
				var headers []string
				if f.value != "" {
					headers = []string{"Authorization", f.value}
				}
				if f.value == "" && op.OperationID == "SignUp" {
					continue // sign-up needs no token, but refuses an invalid one
				}
				a := s.send(op, c, s.path(op), headers...)
				a.ExpectRefusal(f.want)
				if t.Failed() {
					t.Fatalf("%s: %s", op.OperationID, f.name)
				}
			}
		}
		expectSame()
	}}}, "--token-secret", testSecret)
}

// TestStrangersFindNothing sends valid requests as another user, who is not a member of the private room and does not
// own the session, the file and the upload.
func TestStrangersFindNothing(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "each operation", Run: func(_ *testing.T, c *harness.Client) {
		s := newRequestFixture(c)
		expectSame := expectUnchanged(s.me)
		for _, op := range harness.Operations() {
			isAbout := func(part string) bool { return strings.Contains(op.Path, part) }
			mine := slices.ContainsFunc([]string{"{room}", "{session}", "{file}", "{upload}"}, isAbout) ||
				op.OperationID == "CreateUpload"
			if !mine || !op.NeedsToken() {
				continue
			}
			if op.OperationID == "LogOut" || op.OperationID == "DeleteUpload" {
				s.request(op, s.outsider).ExpectStatus(204) // there is none of theirs to end, and expectSame sees the others
				continue
			}
			s.request(op, s.outsider).ExpectRefusal(models.CodeNotFound)
			if op.TakesForm() {
				s.sendForm(op, s.outsider, s.path(op)).ExpectRefusal(models.CodeNotFound)
			}
		}
		expectSame()
	}}})
}
