package models

// Session is the response to a sign-up, a log-in and a refresh. RefreshToken is absent when it went into a cookie.
type Session struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	SessionID    string `json:"session_id"`
	User         User   `json:"user"`
}

// SessionInfo is one of the caller's log-ins.
type SessionInfo struct {
	ID         string `json:"id"`
	CreatedAt  Time   `json:"created_at"`
	LastUsedAt Time   `json:"last_used_at"`
	UserAgent  string `json:"user_agent"`
	IP         string `json:"ip"`
	Current    bool   `json:"current"`
}

// Caller is the user who makes a request, in one of their sessions.
type Caller struct {
	UserID    int64
	SessionID string
}

// Device is where a session is used from, as far as a server can tell.
type Device struct {
	UserAgent string
	IP        string
}

// Credentials is a log-in: with a password, as a guest, or with the code of a social log-in.
type Credentials struct {
	Username  string `json:"username,omitempty"`
	Password  string `json:"password,omitempty"`
	Guest     bool   `json:"guest,omitempty"`
	LoginCode string `json:"login_code,omitempty"`
	// DisplayName is a guest's display name; the username when left out.
	DisplayName *string `json:"display_name,omitempty"`
	Cookie      bool    `json:"cookie,omitempty"`
}

// Validate reports every field that the contract refuses, and normalizes the display name. A wrong username of a log-in
// with a password is not refused: it is bad_credentials like any other that does not exist.
func (l Credentials) Validate() error {
	var c check
	switch {
	case l.LoginCode != "":
		c.length("login_code", l.LoginCode, 1, MaxIdempotencyKey)
		c.absent("username", l.Username != "")
		c.absent("password", l.Password != "")
		c.absent("guest", l.Guest)
	case l.Guest:
		c.username("username", l.Username)
		c.absent("password", l.Password != "")
		c.nickname("display_name", l.DisplayName, MaxDisplayNameLength)
	default:
		c.length("username", l.Username, 1, MaxPasswordLength)
		c.length("password", l.Password, 1, MaxPasswordLength)
		c.absent("display_name", l.DisplayName != nil)
	}
	return c.err()
}

func (c *check) absent(field string, given bool) {
	if given {
		c.fail(field, "does not belong to this form of log-in")
	}
}

// Refresh asks for a new access token. RefreshToken is empty when it comes as a cookie.
type Refresh struct {
	RefreshToken string `json:"refresh_token,omitempty"`
	Cookie       bool   `json:"cookie,omitempty"`
}

// Validate reports every field that the contract refuses.
func (r Refresh) Validate() error {
	var c check
	c.length("refresh_token", r.RefreshToken, 0, MaxPasswordLength)
	return c.err()
}
