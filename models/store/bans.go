package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

type banRow struct {
	User       userRow `gorm:"embedded"`
	Reason     string
	Until      int64
	BannedBy   int64
	BannedAt   int64
	ByUsername string
	ByDisplay  string
}

var banQuery = `SELECT ` + userColumns + `, b.reason, b.until, b.banned_by, b.created_at AS banned_at,
	COALESCE(o.username, ` + deletedUsername + `) AS by_username, COALESCE(o.display_name, ` + deletedDisplayName + `) AS
	by_display
	FROM bans b JOIN ` + liveUsers + ` u ON u.id = b.user_id LEFT JOIN users o ON o.id = b.banned_by
	WHERE b.room_id = ? AND (b.until = 0 OR b.until > ?)`

func (r banRow) model() models.Ban {
	return models.Ban{
		User: r.User.model(), Reason: r.Reason, Until: models.FromMillis(r.Until),
		BannedBy:  models.UserRef{ID: r.BannedBy, Username: r.ByUsername, DisplayName: r.ByDisplay},
		CreatedAt: models.FromMillis(r.BannedAt),
	}
}

func isBanned(db *gorm.DB, roomID, userID int64) (bool, error) {
	var n int64
	err := database.Scan(db, &n,
		"SELECT count(*) FROM bans WHERE room_id = ? AND user_id = ? AND (until = 0 OR until > ?)",
		roomID, userID, models.Now().Millis())
	return n > 0, err
}

// Ban removes a user from the room and keeps them out. A second ban replaces the reason and the end of the first one.
func (s *Store) Ban(
	ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath, n models.NewBan,
) (models.Ban, models.Cursor, error) {
	var ban models.Ban
	at, err := s.write(ctx, func(tx *transaction) error {
		m, err := tx.authorizeModeration(callerID, path, user)
		if err != nil {
			return err
		}
		switch {
		case m.target.ID == callerID:
			return models.Invalid("user", "nobody can ban themselves; leave the room instead")
		case m.room.Room.Kind == string(models.RoomDirect):
			return models.Errorf(models.CodeForbidden, "Nobody can be banned from a direct room; block them instead.")
		}
		if err := tx.passOwnership(m.room.Room, m.member); err != nil {
			return err
		}
		now := models.Now().Millis()
		err = database.Exec(tx.DB,
			`INSERT INTO bans (room_id, user_id, reason, until, banned_by, created_at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (room_id, user_id) DO UPDATE SET reason = excluded.reason, until = excluded.until,
			banned_by = excluded.banned_by, created_at = excluded.created_at`,
			m.room.Room.ID, m.target.ID, value(n.Reason), n.Until.Millis(), callerID, now)
		if err != nil {
			return err
		}
		err = tx.appendMemberEvent(models.EventMemberBanned, m.room.Room, m.target.Ref(),
			models.MemberEvent{Reason: value(n.Reason), Until: n.Until})
		if err == nil && m.isMember {
			err = tx.removeMember(m.room.Room, m.target.ID)
		}
		if err == nil {
			err = tx.touch(m.room.Room.ID)
		}
		if err != nil {
			return err
		}
		var row banRow
		err = database.Scan(tx.DB, &row, banQuery+" AND b.user_id = ?", m.room.Room.ID, now, m.target.ID)
		ban = row.model()
		return err
	})
	return ban, at, err
}

// Unban lets a user come back. It does nothing for a user who is not banned, or who is gone.
func (s *Store) Unban(ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		m, err := tx.authorizeModeration(callerID, path, user)
		if err != nil && m.found() {
			return unlessNotFound(err)
		}
		if err != nil {
			return err
		}
		return database.Exec(tx.DB, "DELETE FROM bans WHERE room_id = ? AND user_id = ?", m.room.Room.ID, m.target.ID)
	})
	return err
}

// Bans lists the users who are banned now, in the order of their ids: a user who is banned again keeps their place.
func (s *Store) Bans(
	ctx context.Context, callerID int64, path models.RoomPath, page models.Paging,
) (models.Page[models.Ban], error) {
	db := s.read(ctx)
	a, err := authorizeModerator(db, path, callerID)
	if err != nil {
		return models.Page[models.Ban]{}, err
	}
	of := list{listBans, a.Room.ID}
	after, _, err := of.after(page.Cursor)
	if err != nil {
		return models.Page[models.Ban]{}, err
	}
	var rows []banRow
	err = database.Scan(db, &rows,
		banQuery+" AND b.user_id > ? ORDER BY b.user_id LIMIT ?", a.Room.ID, models.Now().Millis(), after.id,
		page.Limit+1)
	if err != nil {
		return models.Page[models.Ban]{}, err
	}
	return pageOf(rows, page.Limit, banRow.model, func(r banRow) cursor { return cursor{list: of, id: r.User.ID} }), nil
}
