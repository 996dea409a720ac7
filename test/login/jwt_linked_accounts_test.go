package login

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestOwnUsersOtherWays: what opens the account of a product's user besides the product's tokens is there by a setting
// alone, and ends with it: who is let go by the product must not come back by it.
func TestOwnUsersOtherWays(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p, social := newProduct(t), harness.NewOIDCProvider(t)
		flags := append(p.flags(), "--oidc", social.Flag("mock"))
		s := harness.StartServer(t, database, append(flags, "--jwt-link")...)
		c := harness.NewClient(t, s.URL)
		t.Run("allowed", func(t *testing.T) { testLinkedProduct(t, harness.NewClient(t, s.URL), p, social) })

		v := harness.OIDCUser{Subject: harness.UniqueName("v"), Username: "v"}
		me := p.sends(c, "fired", nil)
		me.Call("PUT", "/v1/users/me/password", models.PasswordChange{NewPassword: harness.Password}).ExpectStatus(204)
		social.LinkIdentityAs(me, v).ExpectStatus(303)
		byPassword := c.LogInAs(me.User.Username, harness.Password)
		bySocial := social.LogIn(c, v)
		account := c.NewAccount("own")
		s.Stop()

		c = harness.NewClient(t, harness.StartServer(t, database, flags...).URL)
		for _, ended := range []*harness.Client{byPassword, bySocial} {
			harness.Eventually(t, "the session has ended", func() bool {
				return ended.AtServer(c.URL).Send("GET", "/v1/users/me", nil).HTTP.StatusCode == 401
			})
			c.Call("POST", harness.RefreshPath, harness.RefreshBody(ended.RefreshToken)).ExpectProblem(401, models.CodeSessionRevoked)
		}
		log := models.Credentials{Username: me.User.Username, Password: harness.Password}
		c.Call("POST", "/v1/sessions", log).ExpectProblem(403, models.CodeForbidden)
		c.Call("POST", "/v1/sessions", log, harness.IdempotencyKey, "1").ExpectProblem(403, models.CodeForbidden)
		log.Password = "another password"
		c.Call("POST", "/v1/sessions", log).ExpectProblem(401, models.CodeBadCredentials)
		b := c.NewBrowser()
		b.Call("GET", social.Authorize(b, b.BeginLogIn("/v1/auth/mock"), v), nil).ExpectProblem(403, models.CodeForbidden)

		me = p.sends(c, "fired", nil)
		me.Call("PUT", "/v1/users/me/password", models.PasswordChange{CurrentPassword: harness.Password, NewPassword: "another password"}).
			ExpectProblem(403, models.CodeForbidden)
		social.LinkIdentityAs(me, harness.OIDCUser{Subject: harness.UniqueName("w"), Username: "w"}).ExpectProblem(403, models.CodeForbidden)
		for _, i := range identities(me) {
			want := 204
			if i.Issuer == productIssuer {
				want = 403
			}
			me.Call("DELETE", harness.IdentitiesPath+"/"+i.ID, nil).ExpectStatus(want)
		}
		// Whoever has an account of Parley's own is none of the product's.
		account = account.AtServer(c.URL)
		account.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
		account.Call("PUT", "/v1/users/me/password", models.PasswordChange{CurrentPassword: harness.Password, NewPassword: "another password"}).ExpectStatus(204)
		social.LinkIdentityAs(account, v).ExpectStatus(303)
	})
}
