package models

// User is a public profile. LastSeenAt is absent while the user is online, and for a user who never was.
type User struct {
	ID          int64  `json:"id"`
	Username    string `json:"username"`
	DisplayName string `json:"display_name"`
	Description string `json:"description,omitempty"`
	Guest       bool   `json:"guest"`
	Online      bool   `json:"online"`
	LastSeenAt  Time   `json:"last_seen_at,omitzero"`
	CreatedAt   Time   `json:"created_at"`
}

// UserRef is a user as messages and events contain one: nothing that depends on the reader or that changes with time
// alone.
type UserRef struct {
	ID          int64  `json:"id"`
	Username    string `json:"username"`
	DisplayName string `json:"display_name"`
}

// Ref is the short form of u.
func (u User) Ref() UserRef {
	return UserRef{ID: u.ID, Username: u.Username, DisplayName: u.DisplayName}
}

// NewUser is a sign-up.
type NewUser struct {
	Username    string  `json:"username"`
	Password    string  `json:"password"`
	DisplayName *string `json:"display_name,omitempty"`
	Description *string `json:"description,omitempty"`
	Cookie      bool    `json:"cookie,omitempty"`
}

// Validate reports every field that the contract refuses, and puts the shown name into the form in which it is kept.
func (n NewUser) Validate() error {
	var c check
	c.username("username", n.Username)
	c.length("password", n.Password, MinPasswordLength, MaxPasswordLength)
	c.nickname("display_name", n.DisplayName, MaxDisplayNameLength)
	c.prose("description", n.Description, MaxDescriptionLength)
	return c.err()
}

// ProfileChange changes the given fields and leaves the rest. An empty description removes it.
type ProfileChange struct {
	DisplayName *string `json:"display_name,omitempty"`
	Description *string `json:"description,omitempty"`
}

// Validate reports every field that the contract refuses, and puts the shown name into the form in which it is kept.
func (p ProfileChange) Validate() error {
	var c check
	c.nickname("display_name", p.DisplayName, MaxDisplayNameLength)
	c.prose("description", p.Description, MaxDescriptionLength)
	return c.err()
}

// PasswordChange replaces the caller's password. CurrentPassword is left out where there is none.
type PasswordChange struct {
	CurrentPassword string `json:"current_password,omitempty"`
	NewPassword     string `json:"new_password"`
}

// Validate reports every field that the contract refuses.
func (p PasswordChange) Validate() error {
	var c check
	c.length("current_password", p.CurrentPassword, 0, MaxPasswordLength)
	c.length("new_password", p.NewPassword, MinPasswordLength, MaxPasswordLength)
	return c.err()
}

// Contact is a user on a list of contacts or blocks.
type Contact struct {
	User    User `json:"user"`
	AddedAt Time `json:"added_at"`
}
