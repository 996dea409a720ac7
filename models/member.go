package models

import "strings"

// Role is what a member may do in a room.
type Role string

// The roles, from most to least.
const (
	RoleOwner     Role = "owner"
	RoleModerator Role = "moderator"
	RoleMember    Role = "member"
)

// Moderates reports whether r may change the room, remove and ban members, and delete others' messages.
func (r Role) Moderates() bool { return r == RoleOwner || r == RoleModerator }

// Membership is the caller's own part in a room. UnreadCount counts what others wrote after LastReadID and did not
// delete.
type Membership struct {
	Role        Role  `json:"role"`
	JoinedAt    Time  `json:"joined_at"`
	LastReadID  int64 `json:"last_read_id"`
	UnreadCount int64 `json:"unread_count"`
	Muted       bool  `json:"muted"`
}

// Member is somebody in a room's list of members. Present says whether one of their streams is in the room now.
type Member struct {
	User     User `json:"user"`
	Role     Role `json:"role"`
	JoinedAt Time `json:"joined_at"`
	Present  bool `json:"present"`
}

// RoleChange adds a member or sets their role; an empty role leaves it, or makes a plain member.
type RoleChange struct {
	Role Role `json:"role,omitempty"`
}

// Validate reports every field that the contract refuses.
func (r RoleChange) Validate() error {
	var c check
	if r.Role != "" {
		c.oneOf("role", string(r.Role), string(RoleOwner), string(RoleModerator), string(RoleMember))
	}
	return c.err()
}

// MembershipChange changes the caller's own settings in a room.
type MembershipChange struct {
	Muted *bool `json:"muted,omitempty"`
}

// Validate accepts everything: a change of nothing is no error.
func (MembershipChange) Validate() error { return nil }

// ReadMark says that everything up to MessageID was read; 0 is the mark of a user who has read nothing. Marks only go
// forward: one that comes late from another device takes nothing back.
type ReadMark struct {
	MessageID int64 `json:"message_id"`
}

// Required names the fields that must be there.
func (ReadMark) Required() []string { return []string{"message_id"} }

// Validate reports every field that the contract refuses.
func (m ReadMark) Validate() error {
	var c check
	if m.MessageID < 0 {
		c.fail("message_id", "must be a message's id, or 0")
	}
	return c.err()
}

// Ban keeps a user out of a room, for ever when Until is absent.
type Ban struct {
	User      User    `json:"user"`
	Reason    string  `json:"reason,omitempty"`
	Until     Time    `json:"until,omitzero"`
	BannedBy  UserRef `json:"banned_by,omitzero"`
	CreatedAt Time    `json:"created_at"`
}

// NewBan is a ban about to be created.
type NewBan struct {
	Reason *string `json:"reason,omitempty"`
	Until  Time    `json:"until,omitzero"`
}

// Validate reports every field that the contract refuses.
func (b NewBan) Validate() error {
	var c check
	c.prose("reason", b.Reason, MaxReasonLength)
	if !b.Until.IsZero() && !b.Until.After(Now().Time) {
		c.fail("until", "must be in the future")
	}
	return c.err()
}

// Invite lets its bearer into a room.
type Invite struct {
	Code      string `json:"code"`
	RoomID    int64  `json:"room_id"`
	ExpiresAt Time   `json:"expires_at,omitzero"`
	MaxUses   int64  `json:"max_uses,omitempty"`
	Uses      int64  `json:"uses"`
}

// IsInviteCode reports whether s may be the code of an invite, as crypto/rand.Text makes them.
func IsInviteCode(s string) bool {
	return len(s) == inviteCodeLength && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// NewInvite is an invite about to be made: without limits when both fields are absent.
type NewInvite struct {
	MaxUses   *int64 `json:"max_uses,omitempty"`
	ExpiresAt Time   `json:"expires_at,omitzero"`
}

// Validate reports every field that the contract refuses.
func (n NewInvite) Validate() error {
	var c check
	if n.MaxUses != nil && *n.MaxUses < 1 {
		c.fail("max_uses", "must be 1 or more")
	}
	if !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(Now().Time) {
		c.fail("expires_at", "must be in the future")
	}
	return c.err()
}
