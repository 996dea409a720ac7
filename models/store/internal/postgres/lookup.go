package postgres

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
)

// Sessions implements [database.Lookups]. It hides the list of ids from the planner in a SELECT of its own. PostgreSQL
// would make a plan for each list otherwise, and planning takes twice as long as looking up.
func (Dialect) Sessions(ctx context.Context, db *gorm.DB, ids []string, found map[string]database.Session) error {
	rows := database.QueryContext(ctx, db, `SELECT id, user_id, last_used_at, expires_at, revoked_at FROM sessions
		WHERE id = ANY((SELECT $1::text[])::text[])`, ids)
	var s database.Session
	return rows.Each(func() { found[s.ID] = s }, &s.ID, &s.UserID, &s.LastUsedAt, &s.ExpiresAt, &s.RevokedAt)
}

// Members implements [database.Lookups].
func (Dialect) Members(
	ctx context.Context, db *gorm.DB, keys []database.MembershipKey, found map[database.MembershipKey]database.Member,
) error {
	roomIDs, userIDs := make([]int64, len(keys)), make([]int64, len(keys))
	for i, key := range keys {
		roomIDs[i], userIDs[i] = key.RoomID, key.UserID
	}
	rows := database.QueryContext(ctx, db, `SELECT m.room_id, m.user_id, `+database.MemberColumns+`
		FROM unnest($1::bigint[], $2::bigint[]) AS p (room_id, user_id)
		JOIN memberships m ON m.room_id = p.room_id AND m.user_id = p.user_id
		JOIN rooms r ON r.id = m.room_id AND r.deleted_at = 0 JOIN users u ON u.id = m.user_id AND u.deleted_at = 0`,
		roomIDs, userIDs)
	var roomID int64
	var m database.Member
	return rows.Each(func() { found[database.MembershipKey{RoomID: roomID, UserID: m.User.ID}] = m },
		&roomID, &m.User.ID, &m.Subject, &m.ClearedID, &m.User.Username, &m.User.DisplayName, &m.Blocked)
}
