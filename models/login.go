package models

// NewSession is a log-in about to be stored. Of its refresh token only the hash is kept.
type NewSession struct {
	RefreshHash string
	Device      Device
}

// Renewal trades a refresh token for its successor. Of both there are hashes; Sealed is the successor in a form that
// only who has the spent token opens.
type Renewal struct {
	SpentHash   string
	RefreshHash string
	Sealed      string
	Device      Device
	At          Time
}

// Arrival is a token with which a product vouches for one of its users: a session of its own, until it runs out.
type Arrival struct {
	Person    Person
	SessionID string
	Device    Device
	ExpiresAt Time
}

// Login is a session just made or refreshed, and whose it is.
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
	Network      string // of a guest: where they were made from
}
