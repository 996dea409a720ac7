package main

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestOwnUsersOtherWays: what opens the account of a product's user besides the product's tokens is there by a setting
// alone, and ends with it: who is let go by the product must not come back by it.
func TestOwnUsersOtherWays(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		p, social := newProduct(t), newProvider(t)
		flags := append(p.flags(), "--oidc", social.setting("mock"))
		s := startServer(t, database, append(flags, "--jwt-link")...)
		c := newClient(t, s.url)
		t.Run("allowed", func(t *testing.T) { testLinkedProduct(t, newClient(t, s.url), p, social) })

		v := visitor{subject: unique("v"), username: "v"}
		me := p.sends(c, "fired", nil)
		me.call("PUT", "/v1/users/me/password", models.PasswordChange{NewPassword: password}).status(204)
		social.linksWith(me, v).status(303)
		byPassword := c.logInAs(me.User.Username, password)
		bySocial := social.logsIn(c, v)
		account := c.account("own")
		s.halt()

		c = newClient(t, startServer(t, database, flags...).url)
		for _, ended := range []*client{byPassword, bySocial} {
			eventually(t, "the session has ended", func() bool {
				return ended.at(c.url).send("GET", "/v1/users/me", nil).response.StatusCode == 401
			})
			c.call("POST", refreshPath, refresh(ended.RefreshToken)).problem(401, models.CodeSessionRevoked)
		}
		log := models.Credentials{Username: me.User.Username, Password: password}
		c.call("POST", "/v1/sessions", log).problem(403, models.CodeForbidden)
		c.call("POST", "/v1/sessions", log, idempotencyKey, "1").problem(403, models.CodeForbidden)
		log.Password = "another password"
		c.call("POST", "/v1/sessions", log).problem(401, models.CodeBadCredentials)
		b := c.browser()
		b.call("GET", social.asks(b, b.begins("/v1/auth/mock"), v), nil).problem(403, models.CodeForbidden)

		me = p.sends(c, "fired", nil)
		me.call("PUT", "/v1/users/me/password", models.PasswordChange{CurrentPassword: password, NewPassword: "another password"}).
			problem(403, models.CodeForbidden)
		social.linksWith(me, visitor{subject: unique("w"), username: "w"}).problem(403, models.CodeForbidden)
		for _, i := range me.identities() {
			want := 204
			if i.Issuer == productIssuer {
				want = 403
			}
			me.call("DELETE", identitiesPath+"/"+i.ID, nil).status(want)
		}
		// Whoever has an account of Parley's own is none of the product's.
		account = account.at(c.url)
		account.call("GET", "/v1/users/me", nil).status(200)
		account.call("PUT", "/v1/users/me/password", models.PasswordChange{CurrentPassword: password, NewPassword: "another password"}).status(204)
		social.linksWith(account, v).status(303)
	})
}
