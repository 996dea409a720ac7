package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// lookups is the part of a dialect that answers what almost every request asks. It passes gorm's reflection by.
type lookups interface {
	// sessions reads the life of sessions into found.
	sessions(ctx context.Context, db *gorm.DB, ids []string, found map[string]sessionRow) error
	// standings reads what members are in rooms into found.
	standings(ctx context.Context, db *gorm.DB, asked []posting, found map[posting]standing) error
}

const standingColumns = `r.subject, r.cleared_id, u.username, u.display_name,
	EXISTS (SELECT 1 FROM blocks b WHERE b.direct_key = r.direct_key) AS closed`

func (sqliteDialect) sessions(ctx context.Context, db *gorm.DB, ids []string, found map[string]sessionRow) error {
	for _, id := range ids {
		r := sessionRow{ID: id}
		rows, err := db.ConnPool.QueryContext(ctx,
			"SELECT user_id, last_used_at, expires_at, revoked_at FROM sessions WHERE id = ?", id)
		if err != nil {
			return err
		}
		err = scanRows(rows, func() { found[id] = r }, &r.UserID, &r.LastUsedAt, &r.ExpiresAt, &r.RevokedAt)
		if err != nil {
			return err
		}
	}
	return nil
}

// sessions hides the list of ids from PostgreSQL's planner in a SELECT of its own. It would make a plan for each list otherwise,
// and planning takes twice as long as looking up.
func (postgresDialect) sessions(ctx context.Context, db *gorm.DB, ids []string, found map[string]sessionRow) error {
	rows, err := db.ConnPool.QueryContext(ctx,
		"SELECT id, user_id, last_used_at, expires_at, revoked_at FROM sessions WHERE id = ANY((SELECT $1::text[])::text[])", ids)
	if err != nil {
		return err
	}
	var r sessionRow
	return scanRows(rows, func() { found[r.ID] = r }, &r.ID, &r.UserID, &r.LastUsedAt, &r.ExpiresAt, &r.RevokedAt)
}

func (sqliteDialect) standings(ctx context.Context, db *gorm.DB, asked []posting, found map[posting]standing) error {
	for _, p := range asked {
		s := standing{user: models.UserRef{ID: p.userID}}
		rows, err := db.ConnPool.QueryContext(ctx, `SELECT `+standingColumns+` FROM memberships m
			JOIN `+liveRooms+` r ON r.id = m.room_id JOIN `+liveUsers+` u ON u.id = m.user_id WHERE m.room_id = ? AND m.user_id = ?`,
			p.roomID, p.userID)
		if err != nil {
			return err
		}
		err = scanRows(rows, func() { found[p] = s }, &s.subject, &s.clearedID, &s.user.Username, &s.user.DisplayName, &s.closed)
		if err != nil {
			return err
		}
	}
	return nil
}

func (postgresDialect) standings(ctx context.Context, db *gorm.DB, asked []posting, found map[posting]standing) error {
	inRooms, users := make([]int64, len(asked)), make([]int64, len(asked))
	for i, p := range asked {
		inRooms[i], users[i] = p.roomID, p.userID
	}
	rows, err := db.ConnPool.QueryContext(ctx, `SELECT m.room_id, m.user_id, `+standingColumns+`
		FROM unnest($1::bigint[], $2::bigint[]) AS p (room_id, user_id)
		JOIN memberships m ON m.room_id = p.room_id AND m.user_id = p.user_id
		JOIN `+liveRooms+` r ON r.id = m.room_id JOIN `+liveUsers+` u ON u.id = m.user_id`, inRooms, users)
	if err != nil {
		return err
	}
	var roomID int64
	var s standing
	return scanRows(rows, func() { found[posting{roomID, s.user.ID}] = s },
		&roomID, &s.user.ID, &s.subject, &s.clearedID, &s.user.Username, &s.user.DisplayName, &s.closed)
}
