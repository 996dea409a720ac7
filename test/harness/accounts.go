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
	client := c.WithoutToken()
	client.Call("POST", "/v1/users", models.NewUser{Username: name, Password: password}).
		ExpectStatus(201).Decode(&client.Session)
	return client
}

// LogInAs logs in to an account and returns a client of its own for the new session.
func (c *Client) LogInAs(name, password string) *Client {
	c.T.Helper()
	client := c.WithoutToken()
	client.Call("POST", "/v1/sessions", models.Credentials{Username: name, Password: password}).
		ExpectStatus(201).Decode(&client.Session)
	return client
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
	return c.SignUp(UniqueName(name), Password)
}

// LogIn logs in to the account once more and returns a client of its own for the new session.
func (c *Client) LogIn() *Client {
	c.T.Helper()
	return c.LogInAs(c.User.Username, Password)
}

// WithoutToken returns a client of the same server without a token.
func (c *Client) WithoutToken() *Client {
	return &Client{T: c.T, HTTP: c.HTTP, URL: c.URL, messagePack: c.messagePack}
}

// RefreshBody returns the body of a request that renews a session.
func RefreshBody(token string) models.Refresh { return models.Refresh{RefreshToken: token} }

// Cookie returns the cookie that the response sets under the name. The test fails if there is none.
func (r *Response) Cookie(name string) *http.Cookie {
	r.T.Helper()
	for _, c := range r.HTTP.Cookies() {
		if c.Name == name {
			return c
		}
	}
	r.T.Fatalf("%v\ndoes not set the cookie %s", r, name)
	return nil
}

// NewGuestNamed signs in a guest with exactly this username, and returns a client of its own for it.
func (c *Client) NewGuestNamed(name string) *Client {
	c.T.Helper()
	g := c.WithoutToken()
	g.Call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}).ExpectStatus(201).Decode(&g.Session)
	return g
}

// GetUser reads the user at a path below /v1/users/, such as "me" or "@ada".
func (c *Client) GetUser(path string) models.User {
	c.T.Helper()
	var u models.User
	c.Call("GET", "/v1/users/"+path, nil).ExpectStatus(200).Decode(&u)
	return u
}
