package harness

import (
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/parley-chat/parley/models"
)

// SignUp creates an account and returns a client of its own for it.
func (c *Client) SignUp(name, password string) *Client {
	c.T.Helper()
	a := c.WithToken("")
	a.Call("POST", "/v1/users", models.NewUser{Username: name, Password: password}).ExpectStatus(201).Decode(&a.Session)
	return a
}

// LogInAs logs in to an account and returns a client of its own for the new session.
func (c *Client) LogInAs(name, password string) *Client {
	c.T.Helper()
	a := c.WithToken("")
	a.Call("POST", "/v1/sessions", models.Credentials{Username: name, Password: password}).
		ExpectStatus(201).
		Decode(&a.Session)
	return a
}

// UniqueName returns a username or a handle that begins with name and is not in use.
func UniqueName(name string) string { return name + "-" + strings.ToLower(rand.Text()[:8]) }

// Password is the password of every account that NewAccount creates.
const Password = "correct horse battery"

// NewGuest signs in a guest whose username begins with name, and returns a client of its own for it.
func (c *Client) NewGuest(name string) *Client {
	c.T.Helper()
	return c.NewGuestNamed(UniqueName(name))
}

// NewAccount creates an account whose username begins with name, and returns a client of its own for it.
func (c *Client) NewAccount(name string) *Client {
	c.T.Helper()
	a := c.WithoutToken()
	a.Call("POST", "/v1/users", models.NewUser{Username: UniqueName(name), Password: Password}).
		ExpectStatus(201).
		Decode(&a.Session)
	return a
}

// LogIn logs in to the account once more and returns a client of its own for the new session.
func (c *Client) LogIn() *Client {
	c.T.Helper()
	other := c.WithoutToken()
	other.Call("POST", "/v1/sessions", models.Credentials{Username: c.User.Username, Password: Password}).
		ExpectStatus(201).Decode(&other.Session)
	return other
}

// WithoutToken returns a client of the same server without a token.
func (c *Client) WithoutToken() *Client {
	return &Client{T: c.T, HTTP: c.HTTP, URL: c.URL, messagePack: c.messagePack}
}

// RefreshBody returns the body of a request that renews a session.
func RefreshBody(token string) models.Refresh { return models.Refresh{RefreshToken: token} }

// Cookie returns the cookie that the response sets under the name. The test fails if there is none.
func (a *Response) Cookie(name string) *http.Cookie {
	a.T.Helper()
	for _, c := range a.HTTP.Cookies() {
		if c.Name == name {
			return c
		}
	}
	a.T.Fatalf("%v\ndoes not set the cookie %s", a, name)
	return nil
}

// NewGuestNamed signs in a guest with exactly this username, and returns a client of its own for it.
func (c *Client) NewGuestNamed(name string) *Client {
	c.T.Helper()
	g := c.WithoutToken()
	g.Call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}).ExpectStatus(201).Decode(&g.Session)
	return g
}
