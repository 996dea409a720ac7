package harness

import (
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/parley-chat/parley/models"
)

// SignUp is a client of its own for a new account.
func (c *Client) SignUp(name, password string) *Client {
	c.T.Helper()
	a := c.WithToken("")
	a.Call("POST", "/v1/users", models.NewUser{Username: name, Password: password}).ExpectStatus(201).Decode(&a.Session)
	return a
}

// LogInAs is a further session of an account.
func (c *Client) LogInAs(name, password string) *Client {
	c.T.Helper()
	a := c.WithToken("")
	a.Call("POST", "/v1/sessions", models.Credentials{Username: name, Password: password}).ExpectStatus(201).Decode(&a.Session)
	return a
}

// UniqueName is a username or a handle that nobody else has.
func UniqueName(name string) string { return name + "-" + strings.ToLower(rand.Text()[:8]) }

// Password is that of every account of the tests.
const Password = "correct horse battery"

// NewGuest is a client of its own for a new guest, whose username begins with name.
func (c *Client) NewGuest(name string) *Client {
	c.T.Helper()
	return c.Guest(UniqueName(name))
}

// NewAccount is a client of its own for a new account with a password.
func (c *Client) NewAccount(name string) *Client {
	c.T.Helper()
	a := c.WithoutToken()
	a.Call("POST", "/v1/users", models.NewUser{Username: UniqueName(name), Password: Password}).ExpectStatus(201).Decode(&a.Session)
	return a
}

// LogIn is a client of its own for another session of the account.
func (c *Client) LogIn() *Client {
	c.T.Helper()
	other := c.WithoutToken()
	other.Call("POST", "/v1/sessions", models.Credentials{Username: c.User.Username, Password: Password}).
		ExpectStatus(201).Decode(&other.Session)
	return other
}

// WithoutToken is a client without a token.
func (c *Client) WithoutToken() *Client {
	return &Client{T: c.T, HTTP: c.HTTP, URL: c.URL, messagePack: c.messagePack}
}

func RefreshBody(token string) models.Refresh { return models.Refresh{RefreshToken: token} }

// SetCookie is the cookie that the answer sets.
func (a *Response) SetCookie(name string) *http.Cookie {
	a.T.Helper()
	for _, c := range a.HTTP.Cookies() {
		if c.Name == name {
			return c
		}
	}
	a.T.Fatalf("%v\nsets no cookie %s", a, name)
	return nil
}

// Guest is a client of its own for a new guest.
func (c *Client) Guest(name string) *Client {
	c.T.Helper()
	g := c.WithoutToken()
	g.Call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}).ExpectStatus(201).Decode(&g.Session)
	return g
}
