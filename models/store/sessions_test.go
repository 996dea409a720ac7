package store

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// signUp creates an account and returns its first session, with the hash of its refresh token.
func (h *testStore) signUp(name string) (login models.Login, refresh string) {
	h.t.Helper()
	refresh = rand.Text()
	login, err := h.SignUp(h.t.Context(), models.NewAccount{Username: name, PasswordHash: "hash"},
		models.NewSession{RefreshHash: refresh}, nil)
	h.must(err)
	return login, refresh
}

// TestSessionRules rotates, repeats and steals refresh tokens, and revokes sessions.
func TestSessionRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		login, first := h.signUp("anna")
		caller := models.Caller{UserID: login.User.ID, SessionID: login.SessionID}
		now := models.Now()
		refresh := func(spent, next string, at models.Time) (string, error) {
			_, sealed, err := h.Refresh(ctx, models.Renewal{SpentHash: spent, RefreshHash: next, Sealed: "sealed " + next,
				At: at})
			return sealed, err
		}
		sealed, err := refresh(first, "second", now)
		h.must(err)
		if sealed != "sealed second" {
			t.Errorf("the successor is %q", sealed)
		}
		soon := models.At(now.Add(models.RefreshRepeat - time.Second))
		if sealed, err = refresh(first, "unused", soon); err != nil || sealed != "sealed second" {
			t.Errorf("the same token again soon returns %q, %v", sealed, err)
		}
		_, err = refresh("unknown", "x", now)
		h.want(err, models.CodeUnauthenticated)
		h.must(h.CheckSession(ctx, caller))

		_, err = refresh(first, "stolen", models.At(now.Add(models.RefreshRepeat+time.Second)))
		h.want(err, models.CodeSessionRevoked) // reused too late: the session ends
		h.want(h.CheckSession(ctx, caller), models.CodeSessionRevoked)
		_, err = refresh("second", "third", now)
		h.want(err, models.CodeSessionRevoked)

		other, err := h.LogIn(ctx, caller.UserID, "hash", models.NewSession{RefreshHash: "other"}, nil)
		h.must(err)
		_, err = h.LogIn(ctx, caller.UserID, "old hash", models.NewSession{RefreshHash: "wrong"}, nil)
		h.want(err, models.CodeBadCredentials)
		mine := models.Caller{UserID: caller.UserID, SessionID: other.SessionID}
		third, err := h.LogIn(ctx, caller.UserID, "hash", models.NewSession{RefreshHash: "third device"}, nil)
		h.must(err)
		h.must(h.ChangePassword(ctx, mine, "hash", "new hash"))
		h.must(h.CheckSession(ctx, mine))
		h.want(h.CheckSession(ctx, models.Caller{UserID: caller.UserID, SessionID: third.SessionID}),
			models.CodeSessionRevoked)

		stranger, _ := h.signUp("stranger")
		_, err = h.LogOut(ctx, stranger.User.ID, mine.SessionID)
		h.must(err)
		h.must(h.CheckSession(ctx, mine)) // it is none of the stranger's
		_, err = h.LogOut(ctx, mine.UserID, mine.SessionID)
		h.must(err)
		h.want(h.CheckSession(ctx, mine), models.CodeSessionRevoked)
	})
}

// TestIdentityRules links and unlinks identities. The last way to log in to an account cannot be removed.
func TestIdentityRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna, ben := h.user("anna"), h.user("ben")
		person := func(subject string) models.Person {
			return models.Person{Provider: "test", Issuer: "https://issuer", Subject: subject, Names: []string{"anna"}}
		}
		h.must(h.Link(ctx, anna.ID, person("one")))
		h.must(h.Link(ctx, anna.ID, person("one"))) // again
		h.want(h.Link(ctx, ben.ID, person("one")), models.CodeUsernameTaken)
		list, err := h.Identities(ctx, anna.ID)
		h.must(err)
		if len(list) != 1 || list[0].Subject != "one" {
			t.Fatalf("the identities are %+v", list)
		}
		h.must(h.Unlink(ctx, ben.ID, list[0].ID)) // it is none of his
		list, err = h.Identities(ctx, anna.ID)
		h.must(err)
		if len(list) != 1 {
			t.Fatalf("another user has unlinked it: %+v", list)
		}
		h.must(h.Unlink(ctx, anna.ID, list[0].ID)) // there is a password

		code := models.LoginCode{Hash: "code", BrowserHash: "browser", ExpiresAt: models.At(models.Now().Add(time.Minute))}
		h.must(h.IssueLoginCode(ctx, person("new"), code))
		wrong := models.LoginCode{Hash: "code", BrowserHash: "another browser"}
		_, err = h.LogInWithCode(ctx, wrong, models.NewSession{RefreshHash: "r1"}, nil)
		h.want(err, models.CodeBadCredentials)
		login, err := h.LogInWithCode(ctx, code, models.NewSession{RefreshHash: "r2"}, nil)
		h.must(err)
		if login.User.Username == "anna" || login.User.ID == anna.ID {
			t.Errorf("the new account is %+v", login.User)
		}
		_, err = h.LogInWithCode(ctx, code, models.NewSession{RefreshHash: "r3"}, nil)
		h.want(err, models.CodeBadCredentials) // it was used
		list, err = h.Identities(ctx, login.User.ID)
		h.must(err)
		h.want(h.Unlink(ctx, login.User.ID, list[0].ID), models.CodeForbidden) // the only way in
	})
}
