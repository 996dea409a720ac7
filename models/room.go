package models

// RoomKind says who may find a room and read it.
type RoomKind string

// The kinds of rooms.
const (
	RoomPublic  RoomKind = "public"  // any account may read and join it
	RoomPrivate RoomKind = "private" // known to its members alone
	RoomDirect  RoomKind = "direct"  // the room of two users, created when one first writes to the other
)

// Room is a room, its counts exact. Membership is the reader's own, absent in events and for users who are not members.
// Users are the two of a direct room, by id, or the one of them whose account exists; they are the same for every
// reader.
type Room struct {
	ID            int64       `json:"id"`
	Handle        string      `json:"handle,omitempty"`
	Name          string      `json:"name,omitempty"`
	Description   string      `json:"description,omitempty"`
	Kind          RoomKind    `json:"kind"`
	Subject       string      `json:"subject,omitempty"`
	OwnerID       int64       `json:"owner_id,omitempty"` // absent in a direct room, which belongs to both
	CreatedAt     Time        `json:"created_at"`
	UpdatedAt     Time        `json:"updated_at"` // of its names and description, or its newest message
	ActiveAt      Time        `json:"active_at"`  // of its newest message, or its creation; the order of lists
	MemberCount   int64       `json:"member_count"`
	MessageCount  int64       `json:"message_count"`
	LastMessageID int64       `json:"last_message_id"`
	Users         []UserRef   `json:"users,omitempty"`
	Membership    *Membership `json:"membership,omitempty"`
}

// NewRoom makes a room. One of Handle and Name is needed.
type NewRoom struct {
	Handle      *string   `json:"handle,omitempty"`
	Name        *string   `json:"name,omitempty"`
	Description *string   `json:"description,omitempty"`
	Kind        *RoomKind `json:"kind,omitempty"`
	Subject     *string   `json:"subject,omitempty"`
}

// Validate reports every field that the contract refuses, and puts the name into the form in which it is kept.
func (n NewRoom) Validate() error {
	var c check
	if n.Handle == nil && n.Name == nil {
		c.fail("name", "is required where there is no handle")
	}
	if n.Handle != nil {
		c.name("handle", *n.Handle, MaxHandleLength)
	}
	c.nickname("name", n.Name, MaxRoomNameLength)
	c.prose("description", n.Description, MaxDescriptionLength)
	if n.Subject != nil {
		c.line("subject", *n.Subject, 1, MaxSubjectLength)
	}
	if n.Kind != nil {
		c.oneOf("kind", string(*n.Kind), string(RoomPublic), string(RoomPrivate))
	}
	return c.err()
}

// RoomChange changes the given fields and leaves the rest. An empty string removes a description, and a handle or a
// name as long as the other is there.
type RoomChange struct {
	Handle      *string `json:"handle,omitempty"`
	Name        *string `json:"name,omitempty"`
	Description *string `json:"description,omitempty"`
}

// Validate reports every field that the contract refuses, and puts the name into the form in which it is kept.
func (r RoomChange) Validate() error {
	var c check
	if r.Handle != nil && *r.Handle != "" {
		c.name("handle", *r.Handle, MaxHandleLength)
	}
	if r.Name != nil && *r.Name != "" {
		c.nickname("name", r.Name, MaxRoomNameLength)
	}
	c.prose("description", r.Description, MaxDescriptionLength)
	return c.err()
}

// RoomsQuery narrows the caller's list of rooms.
type RoomsQuery struct {
	Paging
	Subject string
	Since   Time // only rooms in which anything changed at or after it
	Unread  bool // only rooms with unread messages
}
