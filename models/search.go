package models

// UserSearch asks for the users whose username starts with Prefix.
type UserSearch struct {
	Paging
	Prefix string
}

// Validate reports every parameter that the contract refuses.
func (s UserSearch) Validate() error {
	var c check
	c.length("prefix", s.Prefix, 1, MaxUsernameLength)
	return c.err()
}

// RoomSearch asks for the public rooms whose handle or name starts with Prefix, nil for all.
type RoomSearch struct {
	Paging
	Prefix  *string
	Subject string
}

// Validate reports every parameter that the contract refuses.
func (s RoomSearch) Validate() error {
	var c check
	c.optional("prefix", s.Prefix, MaxRoomNameLength)
	return c.err()
}

// MessageSearch asks for the messages of a room, by their start or by their words.
type MessageSearch struct {
	Paging
	Prefix *string
	Words  *string
}

// Validate reports every parameter that the contract refuses.
func (s MessageSearch) Validate() error {
	var c check
	if (s.Prefix == nil) == (s.Words == nil) {
		c.fail("q", "is needed, or prefix: one of the two")
	}
	c.optional("prefix", s.Prefix, MaxSearchLength)
	c.optional("q", s.Words, MaxSearchLength)
	return c.err()
}

// WordSearch asks for messages by words, over all rooms that the caller is a member of.
type WordSearch struct {
	Paging
	Words string
}

// Validate reports every parameter that the contract refuses.
func (s WordSearch) Validate() error {
	var c check
	c.length("q", s.Words, 1, MaxSearchLength)
	return c.err()
}
