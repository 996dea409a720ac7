package models

// NewSession is a log-in about to be stored. Only the hash of its refresh token is stored.
type NewSession struct {
	RefreshHash string
	Device      Device
}

// Renewal exchanges a refresh token for its successor. Both are hashes; Sealed is the successor in a form that only the
// spent token can open.
type Renewal struct {
	SpentHash   string
	RefreshHash string
	Sealed      string
	Device      Device
	At          Time
}

// ProductToken is a token with which a product vouches for one of its users: a session of its own, until it expires.
type ProductToken struct {
	Person    Person
	SessionID string
	Device    Device
	ExpiresAt Time
}

// Login is a session that was just created or refreshed, and its user.
type Login struct {
	SessionID string
	User      User
}

// NewAccount is a sign-up or a guest's log-in, past validation. A guest has no password.
type NewAccount struct {
	Username     string
	DisplayName  string // the username when empty
	Description  string
	PasswordHash string
	Guest        bool
	Network      string // of a guest: where they were created from
}
