package database

import "github.com/parley-chat/parley/models"

// MembershipKey identifies a membership, whether or not it exists.
type MembershipKey struct{ RoomID, UserID int64 }

// Member is what a request needs to know of a member of a room.
type Member struct {
	Subject   string // the room's
	ClearedID int64  // the newest of the messages that were cleared from the room's history
	Blocked   bool   // whether one of the two users of a direct room has blocked the other
	User      models.UserRef
}

// MemberColumns are the columns of a Member without its user's id, of a room r and a user u.
const MemberColumns = `r.subject, r.cleared_id, u.username, u.display_name,
	EXISTS (SELECT 1 FROM blocks b WHERE b.direct_key = r.direct_key)`

// Session is what a request needs to know of a session. Times are in milliseconds since 1970; RevokedAt is 0 for a
// session that was not revoked.
type Session struct {
	ID                               string
	UserID                           int64
	LastUsedAt, ExpiresAt, RevokedAt int64
}

// Check is nil for a session that may still be used, otherwise session_revoked or token_expired.
func (s Session) Check(now models.Time) error {
	if s.RevokedAt != 0 {
		return models.Errorf(models.CodeSessionRevoked, "This session has been logged out.")
	}
	if s.ExpiresAt <= now.Millis() {
		return models.Errorf(models.CodeTokenExpired, "This session has expired; log in again.")
	}
	return nil
}
