package login

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestOtherLogInsNeedJWTLink: only with --jwt-link can the user of an application log in without the application's
// tokens. Without the setting such sessions end: the application must be able to lock a user out.
func TestOtherLogInsNeedJWTLink(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		issuer, social := newTokenIssuer(t), harness.NewOIDCProvider(t)
		flags := append(issuer.flags(), "--oidc", social.Flag("mock"))
		s := harness.StartServer(t, database, append(flags, "--jwt-link")...)
		c := harness.NewClient(t, s.URL)
		t.Run("allowed", func(t *testing.T) { testLinkedApplicationUser(t, harness.NewClient(t, s.URL), issuer, social) })

		identity := harness.OIDCUser{Subject: harness.UniqueName("v"), Username: "v"}
		me := issuer.clientFor(c, "fired", nil)
		me.Call("PUT", "/v1/users/me/password", models.PasswordChange{NewPassword: harness.Password}).ExpectStatus(204)
		social.LinkIdentityAs(me, identity).ExpectStatus(303)
		byPassword := c.LogInAs(me.User.Username, harness.Password)
		bySocial := social.LogIn(c, identity)
		account := c.NewAccount("own")
		s.Stop()

		c = harness.NewClient(t, harness.StartServer(t, database, flags...).URL)
		for _, client := range []*harness.Client{byPassword, bySocial} {
			harness.Eventually(t, "the session ends", func() bool {
				return client.AtServer(c.URL).Send("GET", "/v1/users/me", nil).HTTP.StatusCode == 401
			})
			c.Call("POST", harness.RefreshPath, harness.RefreshBody(client.RefreshToken)).
				ExpectProblem(401, models.CodeSessionRevoked)
		}
		credentials := models.Credentials{Username: me.User.Username, Password: harness.Password}
		c.Call("POST", "/v1/sessions", credentials).ExpectProblem(403, models.CodeForbidden)
		c.Call("POST", "/v1/sessions", credentials, harness.IdempotencyKey, "1").ExpectProblem(403, models.CodeForbidden)
		credentials.Password = "another password"
		c.Call("POST", "/v1/sessions", credentials).ExpectProblem(401, models.CodeBadCredentials)
		b := c.NewBrowser()
		b.Call("GET", social.Authorize(b, b.BeginLogIn("/v1/auth/mock"), identity), nil).
			ExpectProblem(403, models.CodeForbidden)

		me = issuer.clientFor(c, "fired", nil)
		me.Call("PUT", "/v1/users/me/password",
			models.PasswordChange{CurrentPassword: harness.Password, NewPassword: "another password"}).
			ExpectProblem(403, models.CodeForbidden)
		social.LinkIdentityAs(me, harness.OIDCUser{Subject: harness.UniqueName("w"), Username: "w"}).
			ExpectProblem(403, models.CodeForbidden)
		for _, i := range identities(me) {
			want := 204
			if i.Issuer == issuerName {
				want = 403
			}
			me.Call("DELETE", harness.IdentitiesPath+"/"+i.ID, nil).ExpectStatus(want)
		}
		// An account that was created in Parley is not affected.
		account = account.AtServer(c.URL)
		account.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
		account.Call("PUT", "/v1/users/me/password",
			models.PasswordChange{CurrentPassword: harness.Password, NewPassword: "another password"}).ExpectStatus(204)
		social.LinkIdentityAs(account, identity).ExpectStatus(303)
	})
}
