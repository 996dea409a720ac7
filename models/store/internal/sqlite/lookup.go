package sqlite

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// Sessions implements [database.Lookups].
func (Dialect) Sessions(ctx context.Context, db *gorm.DB, ids []string, found map[string]database.Session) error {
	for _, id := range ids {
		s := database.Session{ID: id}
		rows := database.QueryContext(ctx, db,
			"SELECT user_id, last_used_at, expires_at, revoked_at FROM sessions WHERE id = ?", id)
		err := rows.Each(func() { found[id] = s }, &s.UserID, &s.LastUsedAt, &s.ExpiresAt, &s.RevokedAt)
		if err != nil {
			return err
		}
	}
	return nil
}

// Members implements [database.Lookups].
func (Dialect) Members(
	ctx context.Context, db *gorm.DB, keys []database.MembershipKey, found map[database.MembershipKey]database.Member,
) error {
	for _, key := range keys {
		m := database.Member{User: models.UserRef{ID: key.UserID}}
		rows := database.QueryContext(ctx, db, `SELECT `+database.MemberColumns+` FROM memberships m
			JOIN rooms r ON r.id = m.room_id AND r.deleted_at = 0 JOIN users u ON u.id = m.user_id AND u.deleted_at = 0
			WHERE m.room_id = ? AND m.user_id = ?`, key.RoomID, key.UserID)
		err := rows.Each(func() { found[key] = m },
			&m.Subject, &m.ClearedID, &m.User.Username, &m.User.DisplayName, &m.Blocked)
		if err != nil {
			return err
		}
	}
	return nil
}

// ReadPage implements [database.PageReader].
func (Dialect) ReadPage(db *gorm.DB, got func() bool, dest []any, statement string, args ...any) error {
	return database.Query(db, statement, args...).While(got, dest...)
}
