package store

import (
	"context"
	"crypto/rand"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

type inviteRow struct {
	Code      string
	RoomID    int64
	CreatedAt int64
	ExpiresAt int64 // 0 for no end
	MaxUses   int64 // 0 for no limit
	Uses      int64
	AuthorID  int64 // 0 for the room's owner
	Position  int64 // of the log when it was created
}

func (inviteRow) TableName() string { return "invites" }

func (r inviteRow) model() models.Invite {
	return models.Invite{
		Code: r.Code, RoomID: r.RoomID, ExpiresAt: models.FromMillis(r.ExpiresAt), MaxUses: r.MaxUses, Uses: r.Uses,
	}
}

// usable is nil for an invite that is still valid.
func (r inviteRow) usable(now models.Time) error {
	switch {
	case r.ExpiresAt != 0 && r.ExpiresAt <= now.Millis():
		return models.Errorf(models.CodeExpired, "This invite has expired.")
	case r.MaxUses != 0 && r.Uses >= r.MaxUses:
		return models.Errorf(models.CodeExpired, "This invite has been used up.")
	}
	return nil
}

// vouchedFor is the condition that the author of an invite may still invite into its room, and could all the time
// since. Its argument is the room's owner.
const vouchedFor = `EXISTS (SELECT 1 FROM memberships m WHERE m.room_id = invites.room_id AND m.role IN ('owner',
	'moderator')
	AND m.user_id NOT IN (SELECT user_id FROM departures)
	AND (m.user_id = invites.author_id AND m.rights_position <= invites.position OR invites.author_id = 0 AND m.user_id =
	?))`

// usableInvite is usable as a condition, with the time and the room's owner.
const usableInvite = "(expires_at = 0 OR expires_at > ?) AND (max_uses = 0 OR uses < max_uses) AND " + vouchedFor

// CreateInvite creates a code with which anybody can join the room. There is no event for it.
func (s *Store) CreateInvite(
	ctx context.Context, callerID int64, path models.RoomPath, n models.NewInvite, call *models.IdempotentCall,
) (models.Invite, error) {
	var invite models.Invite
	_, err := s.writeIdempotent(ctx, call, func(tx *transaction) (any, error) {
		if err := tx.lockRoom(path); err != nil {
			return nil, err
		}
		a, err := authorizeModerator(tx.DB, path, callerID)
		if err != nil {
			return nil, err
		}
		row := inviteRow{
			Code: rand.Text(), RoomID: a.Room.ID, CreatedAt: models.Now().Millis(), ExpiresAt: n.ExpiresAt.Millis(),
			AuthorID: callerID,
		}
		if err := database.Scan(tx.DB, &row.Position, "SELECT position FROM event_head WHERE id = 1"); err != nil {
			return nil, err
		}
		if n.MaxUses != nil {
			row.MaxUses = *n.MaxUses
		}
		invite = row.model()
		if err := tx.Create(&row).Error; err != nil {
			return nil, err
		}
		return invite, tx.limitInvites(a.Room)
	})
	return invite, err
}

// Invites lists the valid invites of a room, the newest first.
func (s *Store) Invites(
	ctx context.Context, callerID int64, path models.RoomPath, page models.Paging,
) (models.Page[models.Invite], error) {
	db := s.read(ctx)
	a, err := authorizeModerator(db, path, callerID)
	if err != nil {
		return models.Page[models.Invite]{}, err
	}
	of := list{listInvites, a.Room.ID}
	after, goesOn, err := of.after(page.Cursor)
	if err != nil {
		return models.Page[models.Invite]{}, err
	}
	q := db.Where("room_id = ? AND "+usableInvite, a.Room.ID, models.Now().Millis(), a.Room.OwnerID)
	if goesOn {
		q = q.Where("(created_at, code) < (?, ?)", after.at, after.key)
	}
	var rows []inviteRow
	if err := q.Order("created_at DESC, code DESC").Limit(page.Limit + 1).Find(&rows).Error; err != nil {
		return models.Page[models.Invite]{}, err
	}
	return pageOf(rows, page.Limit, inviteRow.model, func(r inviteRow) cursor {
		return cursor{list: of, at: r.CreatedAt,
			key: r.Code}
	}), nil
}

// RevokeInvite deletes a code of the room. It does nothing for an unknown code.
func (s *Store) RevokeInvite(ctx context.Context, callerID int64, path models.RoomPath, code string) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		if err := tx.lockRoom(path); err != nil {
			return err
		}
		a, err := authorizeModerator(tx.DB, path, callerID)
		if err != nil {
			return err
		}
		return database.Exec(tx.DB, "DELETE FROM invites WHERE room_id = ? AND code = ?", a.Room.ID, code)
	})
	return err
}

// RedeemInvite makes the caller a member of the room of a code. It does nothing, and counts no use, for a member.
func (s *Store) RedeemInvite(
	ctx context.Context, callerID int64, code string, call *models.IdempotentCall,
) (models.Room, models.Cursor, error) {
	var room models.Room
	at, err := s.writeIdempotent(ctx, call, func(tx *transaction) (any, error) {
		a, err := tx.redeem(callerID, code)
		room = a.model()
		return room, err
	})
	return room, at, err
}

func (tx *transaction) redeem(callerID int64, code string) (access, error) {
	row, err := findInvite(tx.DB, code)
	if err != nil {
		return access{}, err
	}
	path := models.RoomPath{ID: row.RoomID}
	if err := tx.lockRoom(path); err != nil {
		return access{}, err
	}
	// Read again under the room's lock, so that of several calls at once one gets the last use.
	if row, err = findInvite(tx.DB, code); err != nil {
		return access{}, err
	}
	a, err := findRoom(tx.DB, path, callerID)
	if err != nil || a.isMember() {
		return a, err
	}
	if a.Banned {
		return a, bannedError(a.BannedUntil)
	}
	if err := tx.usable(row, a); err != nil {
		return a, err
	}
	user, err := findUser(tx.DB, models.UserPath{ID: callerID})
	if err != nil {
		return a, err
	}
	if err := database.Exec(tx.DB, "UPDATE invites SET uses = uses + 1 WHERE code = ?", code); err != nil {
		return a, err
	}
	if err := tx.addMemberAndNotify(a.Room, user.model(), models.RoleMember); err != nil {
		return a, err
	}
	if err := tx.deleteLeaver(a.Room.ID, callerID); err != nil {
		return a, err
	}
	return findRoom(tx.DB, path, callerID)
}

// usable is nil for an invite that is valid for the caller, who is not a member of its locked room.
func (tx *transaction) usable(row inviteRow, a access) error {
	if err := row.usable(models.Now()); err != nil {
		return err
	}
	var vouched int64
	err := database.Scan(tx.DB, &vouched,
		"SELECT count(*) FROM invites WHERE code = ? AND "+vouchedFor, row.Code, a.Room.OwnerID)
	if err != nil {
		return err
	}
	if vouched == 0 {
		return models.Errorf(models.CodeExpired, "The user who made this invite may no longer invite into this room.")
	}
	left, err := tx.leftAt(a.Room.ID, a.CallerID)
	if err == nil && left > row.Position {
		err = models.Errorf(models.CodeExpired, "You have left the room since this invite was made; ask for a new one.")
	}
	return err
}

func findInvite(db *gorm.DB, code string) (inviteRow, error) {
	var row inviteRow
	found := db.Where("code = ?", code).Limit(1).Find(&row)
	if found.Error == nil && found.RowsAffected == 0 {
		return row, models.NotFound()
	}
	return row, found.Error
}

// spentInvites is how many invalid invites of a room are kept, so that the error can say what became of them.
const spentInvites = 9 * models.MaxInvitesPerRoom

// limitInvites is an error for a room with more valid invites than the limit. Of very many invalid ones, the oldest are
// deleted.
func (tx *transaction) limitInvites(room roomRow) error {
	many, err := tx.exceeds(models.MaxInvitesPerRoom+spentInvites, "invites", "room_id = ?", room.ID)
	if err != nil {
		return err
	}
	now := models.Now().Millis()
	if many {
		err := database.Exec(tx.DB,
			"DELETE FROM invites WHERE code IN (SELECT code FROM invites WHERE room_id = ? AND NOT ("+usableInvite+
				") ORDER BY created_at, code LIMIT ?)", room.ID, now, room.OwnerID, batchRows)
		if err != nil {
			return err
		}
	}
	return tx.refuseAbove(models.MaxInvitesPerRoom, "This room has %d invites that work, which is as many as a room may "+
		"have.",
		"invites", "room_id = ? AND "+usableInvite, room.ID, now, room.OwnerID)
}
