package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// deleteWait is how long the deletion of an account waits for the purge. Of most accounts nothing is left then.
const deleteWait = time.Second

// DeleteAccount deletes an account. It disappears for all users at once: deleteUser. What it had is purged after that,
// in batches: the first ones here, the others by the janitor of any node.
func (s *Store) DeleteAccount(ctx context.Context, userID int64, only models.Condition) error {
	var refused error
	err := s.deleteIf(ctx, userID, func(user userRow) bool {
		refused = check(only, user.model())
		return refused == nil
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return err
	}
	s.startPurge(ctx, userID)
	return nil
}

// startPurge purges what a deleted account had, for deleteWait at most, so that the next read finds all events about a
// small account. The account is deleted whether or not that succeeds, and the janitor continues.
func (s *Store) startPurge(ctx context.Context, userID int64) {
	defer s.wakeJanitor() // which may have found the account locked by this purge
	until := time.Now().Add(deleteWait)
	for more := true; more && ctx.Err() == nil && time.Now().Before(until); {
		began := time.Now()
		var err error
		if more, err = s.purgeAccount(ctx, userID); err != nil && ctx.Err() == nil {
			s.log.Warn("deleting an account was interrupted; the janitor will continue", "user", userID, "error", err)
			return
		}
		pause(ctx, time.Since(began))
	}
}

// deleteIf deletes a user if the condition still holds once their row is locked.
func (s *Store) deleteIf(ctx context.Context, userID int64, still func(userRow) bool) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		user, err := tx.lockUser(userID)
		if err != nil || !still(user) {
			return err
		}
		return tx.deleteUser(user)
	})
	return err
}

// deleteUser is the first step of the deletion of an account, whose row is locked. It takes no longer for an account
// that had much: the sessions are revoked, the names are free, and no statement finds the user any more (liveUsers).
// The rest is left to the janitor, who is woken after the commit.
func (tx *transaction) deleteUser(user userRow) error {
	if err := tx.appendNamesChanged(user.ID); err != nil {
		return err
	}
	if err := tx.revokeAll(user.ID, "", models.RevokedByEnd); err != nil {
		return err
	}
	// The person may come back, and gets a new account.
	if err := database.Exec(tx.DB, "DELETE FROM identities WHERE user_id = ?", user.ID); err != nil {
		return err
	}
	err := database.Exec(tx.DB, "INSERT INTO departures (user_id, username, display_name) VALUES (?, ?, ?)",
		user.ID, user.Username, user.DisplayName)
	if err != nil {
		return err
	}
	tx.wakesJanitor = true
	return database.Exec(tx.DB,
		`UPDATE users SET deleted_at = ?, username = `+deletedUsername+`, username_key = ?, display_name =
		`+deletedDisplayName+`,
		description = '', password_hash = '', guest = ?, guest_network = '' WHERE id = ?`, models.Now().Millis(),
		keyOfDeleted(user.ID), false, user.ID)
}

// appendNamesChanged has every node forget what it knows of the user: their names, and whether a block keeps their
// direct rooms closed.
func (tx *transaction) appendNamesChanged(userID int64) error {
	return tx.appendEvent(models.EventNamesChanged, models.Audience{UserID: userID}, nil)
}

// keyOfDeleted is a username_key that no username has.
func keyOfDeleted(userID int64) string { return fmt.Sprintf(":%d", userID) }

// deletedUserRow is a deleted user whose purge is not complete: a row of departures. That is an old name: to
// rename the table would be one more migration, and would change nothing else.
type deletedUserRow struct {
	UserID      int64
	Username    string
	DisplayName string
}

// ref returns the user's former names, for the events of the purge.
func (d deletedUserRow) ref() models.UserRef {
	return models.UserRef{ID: d.UserID, Username: d.Username, DisplayName: d.DisplayName}
}

// leavesAtOnce bounds the rooms that one batch removes a user from: each has events, may get another owner, and may be
// deleted.
const leavesAtOnce = 16

// purgeAccount runs one batch of the purge of a deleted account. It waits while another process runs one.
func (s *Store) purgeAccount(ctx context.Context, userID int64) (more bool, err error) {
	return s.batch(ctx, func(tx *transaction) (more bool, err error) {
		return tx.purgeDeletedUser("WHERE user_id = ?"+tx.store.dialect.ForUpdate(), userID)
	})
}

// purgeAccounts runs a batch for a deleted account that no other node works on.
func (s *Store) purgeAccounts(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(tx *transaction) (more bool, err error) {
		return tx.purgeDeletedUser("ORDER BY user_id LIMIT 1" + tx.store.dialect.SkipLocked())
	})
}

// purgeDeletedUser locks a deleted account and takes the next step of its purge: each step begins when nothing is left
// for the ones before it, so that any process can continue at any time.
func (tx *transaction) purgeDeletedUser(which string, args ...any) (more bool, err error) {
	var gone deletedUserRow
	found, err := database.Find(tx.DB, &gone, "SELECT "+deletedUserColumns+" FROM departures "+which, args...)
	if err != nil || !found {
		return false, err
	}
	for _, step := range []func(deletedUserRow) (bool, error){
		tx.leaveRooms, tx.dropRowsOf, tx.deleteReactionsOf, tx.tombstoneMessagesOf, tx.dropBlocks, tx.dropFilesOf,
	} {
		if more, err := step(gone); err != nil || more {
			return true, err
		}
	}
	if err := database.Exec(tx.DB, "DELETE FROM users WHERE id = ? AND deleted_at > 0", gone.UserID); err != nil {
		return true, err
	}
	if err := tx.appendNamesChanged(gone.UserID); err != nil {
		return true, err
	}
	return true, database.Exec(tx.DB, "DELETE FROM departures WHERE user_id = ?", gone.UserID)
}

// leaveRooms ends some of the memberships of a deleted user. It ends the batch: the memberships end when their events
// get their positions.
func (tx *transaction) leaveRooms(gone deletedUserRow) (more bool, err error) {
	var ids []int64
	err = database.Scan(tx.DB, &ids,
		"SELECT room_id FROM memberships WHERE user_id = ? ORDER BY room_id LIMIT ?", gone.UserID, leavesAtOnce)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	tx.batchFull = true
	for _, id := range ids {
		if err := tx.leaveAsDeleted(id, gone); err != nil {
			return true, err
		}
	}
	return true, nil
}

func (tx *transaction) leaveAsDeleted(roomID int64, gone deletedUserRow) error {
	if err := tx.lockRoom(models.RoomPath{ID: roomID}); err != nil {
		return err
	}
	var at struct {
		Room            roomRow `gorm:"embedded"`
		DeletedPosition int64
		Role            string
	}
	found, err := database.Find(tx.DB, &at,
		"SELECT "+allRoomColumns+`, r.deleted_position, m.role FROM rooms r JOIN memberships m ON m.room_id =
		r.id
		WHERE r.id = ? AND m.user_id = ?`, roomID, gone.UserID)
	switch {
	case err != nil || !found: // deleted, with the room, before it was locked
		return err
	case at.DeletedPosition > 0:
		return tx.endMemberships(at.DeletedPosition, "room_id = ? AND user_id = ?", roomID, gone.UserID)
	}
	leaver := userRow{ID: gone.UserID, Username: gone.Username, DisplayName: gone.DisplayName}
	return tx.endMembership(at.Room, memberRow{User: leaver, Role: at.Role})
}

// dropBlocks removes some blocks of a deleted user, and some that others made, with their mutes. Direct rooms that they
// blocked are open from then on. The messages are deleted by then: they never count for a user who had blocked their
// sender.
func (tx *transaction) dropBlocks(gone deletedUserRow) (more bool, err error) {
	var blockers []int64
	err = database.Scan(tx.DB, &blockers,
		"SELECT user_id FROM blocks WHERE blocked_id = ? LIMIT ?", gone.UserID, batchRows)
	if err != nil {
		return false, err
	}
	if len(blockers) > 0 {
		if err := tx.appendNamesChanged(gone.UserID); err != nil {
			return true, err
		}
		err = database.Exec(tx.DB,
			"DELETE FROM silences WHERE user_id IN ? AND room_id = 0 AND sender_id = ?", blockers, gone.UserID)
		if err == nil {
			err = database.Exec(tx.DB, "DELETE FROM blocks WHERE user_id IN ? AND blocked_id = ?", blockers, gone.UserID)
		}
		return true, err
	}
	more, err = tx.deleteRows("blocks", "user_id, blocked_id", "user_id = ?", gone.UserID)
	if err == nil && more {
		err = tx.appendNamesChanged(gone.UserID)
	}
	return more, err
}

// userTables are the rows of a user that are deleted without an event: the table, its key, and the condition for the
// user.
var userTables = [][3]string{
	{"contacts", "user_id, contact_id", "user_id = ?"},
	{"contacts", "user_id, contact_id", "contact_id = ?"},
	{"silences", "user_id, room_id, sender_id, from_position", "user_id = ?"},
	{"bans", "room_id, user_id", "user_id = ?"},
	{"leavers", "room_id, user_id", "user_id = ?"},
	{"identities", "issuer, subject", "user_id = ?"},
	{"login_codes", "hash", "user_id = ?"},
	{"idempotency_keys", "caller_id, path, key", "caller_id = ?"},
}

func (tx *transaction) dropRowsOf(gone deletedUserRow) (more bool, err error) {
	for _, t := range userTables {
		if more, err := tx.deleteRows(t[0], t[1], t[2], gone.UserID); err != nil || more {
			return more, err
		}
	}
	return tx.deleteSessions(true, "user_id = ?", gone.UserID)
}

// deleteReactionsOf removes some reactions of a deleted user from one room.
func (tx *transaction) deleteReactionsOf(gone deletedUserRow) (more bool, err error) {
	var roomID int64
	found, err := database.Find(tx.DB, &roomID,
		"SELECT room_id FROM reactions WHERE user_id = ? ORDER BY room_id LIMIT 1", gone.UserID)
	if err != nil || !found {
		return false, err
	}
	if ok, err := tx.lockNextRoom(roomID); err != nil || !ok {
		return true, err
	}
	var rows []struct {
		MessageID int64
		Emoji     string
	}
	err = database.Scan(tx.DB, &rows,
		"SELECT message_id, emoji FROM reactions WHERE user_id = ? AND room_id = ? ORDER BY message_id, emoji "+
			"LIMIT ?",
		gone.UserID, roomID, batchRows)
	for _, r := range rows {
		shown := false
		if err == nil {
			shown, err = tx.dropReaction(roomID, r.MessageID, r.Emoji, gone.UserID)
		}
		var count int64
		if err == nil && shown {
			count, err = tx.countReactions(roomID, r.MessageID, r.Emoji)
		}
		if err == nil && shown {
			err = tx.appendEvent(models.EventReactionRemoved, models.Audience{RoomID: roomID},
				models.ReactionEvent{RoomID: roomID, MessageID: r.MessageID, User: gone.ref(), Emoji: r.Emoji, Count: count})
		}
	}
	return true, err
}

// tombstoneMessagesOf turns some messages of a deleted user, in one room, into tombstones.
func (tx *transaction) tombstoneMessagesOf(gone deletedUserRow) (more bool, err error) {
	var roomID int64
	found, err := database.Find(tx.DB, &roomID,
		"SELECT room_id FROM messages WHERE sender_id = ? AND deleted_at = 0 ORDER BY room_id LIMIT 1",
		gone.UserID)
	if err != nil || !found {
		return false, err
	}
	if ok, err := tx.lockNextRoom(roomID); err != nil || !ok {
		return true, err
	}
	var room roomRow
	found, err = database.Find(tx.DB, &room, "SELECT "+allRoomColumns+" FROM "+liveRooms+" r WHERE id = ?", roomID)
	if err != nil {
		return true, err
	}
	var ids []int64
	err = database.Scan(tx.DB, &ids,
		"SELECT id FROM messages WHERE sender_id = ? AND room_id = ? AND deleted_at = 0 ORDER BY id LIMIT ?",
		gone.UserID, roomID, batchRows)
	if err != nil {
		return true, err
	}
	// Those of a room that is deleted, or that were cleared, only wait to be purged: they count nowhere.
	cleared := len(ids)
	if found {
		cleared, _ = slices.BinarySearch(ids, room.ClearedID+1)
	}
	if cleared > 0 {
		if err := tx.clearText(roomID, ids[:cleared]); err != nil {
			return true, err
		}
	}
	if cleared == len(ids) {
		return true, nil
	}
	return true, tx.tombstone(roomID, gone.UserID, ids[cleared:], gone.ref())
}

// dropFilesOf schedules the deletion of some files and uploads of a deleted user. Those of messages went with the
// messages.
func (tx *transaction) dropFilesOf(gone deletedUserRow) (more bool, err error) {
	if more, err = tx.deleteSomeFiles("user_id = ?", gone.UserID); err != nil || more {
		return more, err
	}
	return tx.dropSomeUploads("user_id = ?", gone.UserID)
}
