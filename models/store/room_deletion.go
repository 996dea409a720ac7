package store

import (
	"context"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// DeleteRoom deletes a room for all users, at once: markRoomDeleted. Its former members may still see the events until
// then. A direct room has no owner: the last member may delete it.
func (s *Store) DeleteRoom(
	ctx context.Context, callerID int64, path models.RoomPath, only models.Condition,
) (models.Cursor, error) {
	return s.write(ctx, func(tx *transaction) error {
		if err := tx.lockRoom(path); err != nil {
			return err
		}
		a, err := authorizeMember(tx.DB, path, callerID)
		if err != nil {
			return tx.unlessSawDeletion(err, path, callerID)
		}
		if err := tx.refuseDeletion(a); err != nil {
			return err
		}
		if err := check(only, a.model()); err != nil {
			return err
		}
		gone := models.RoomGone{RoomID: a.Room.ID, Handle: a.Room.Handle}
		if err := tx.appendEvent(models.EventRoomDeleted, a.Room.audience(0), gone); err != nil {
			return err
		}
		return tx.markRoomDeleted(a.Room)
	})
}

// unlessSawDeletion is nil for a room that was deleted while the caller was a member, as far back as events are kept:
// the call may be the repetition of one whose response was lost. For all others the room stays unknown.
func (tx *transaction) unlessSawDeletion(err error, path models.RoomPath, callerID int64) error {
	if !isNotFound(err) || path.Key != "" {
		return err
	}
	var saw int64
	const query = `SELECT (SELECT count(*) FROM rooms r JOIN memberships m ON m.room_id = r.id
		WHERE r.id = ? AND r.deleted_at <> 0 AND m.user_id = ?) +
		(SELECT count(*) FROM past_memberships p JOIN events e ON e.position = p.left_position
		WHERE p.room_id = ? AND p.user_id = ? AND e.name = ?)`
	e := database.Scan(tx.DB, &saw, query, path.ID, callerID, path.ID, callerID, string(models.EventRoomDeleted))
	if e != nil || saw > 0 {
		return e
	}
	return err
}

func (tx *transaction) refuseDeletion(a access) error {
	if models.Role(a.Role) == models.RoleOwner {
		return nil
	}
	if a.Room.Kind != string(models.RoomDirect) {
		return models.Errorf(models.CodeForbidden, "Only an owner may delete the room.")
	}
	alone, err := tx.isLastMember(a)
	if err == nil && !alone {
		err = models.Errorf(models.CodeForbidden, "A direct room is deleted by nobody as long as both are there; leave it "+
			"instead.")
	}
	return err
}

// markRoomDeleted is the first step of the deletion of a room. It takes no longer for a room that had much: from the
// event that was appended last on, no statement finds the room any more (liveRooms), and its handle is free. The rest
// is left to the janitor, who is woken after the commit; former members may see its events up to that one.
func (tx *transaction) markRoomDeleted(row roomRow) error {
	tx.wakesJanitor = true
	tx.onPosition(func(position int64) error {
		return database.Exec(tx.DB,
			`UPDATE rooms SET deleted_at = ?, deleted_position = ?, handle_key = NULL, direct_key = NULL, name_key
			= ''
			WHERE id = ?`, models.Now().Millis(), position, row.ID)
	})
	return tx.schedulePurge(row.ID, row.LastMessageID)
}

// schedulePurge leaves the messages of a room up to an id to the janitor; there may be none.
func (tx *transaction) schedulePurge(roomID, upTo int64) error {
	if upTo == 0 {
		return nil
	}
	tx.wakesJanitor = true
	return database.Exec(tx.DB, `INSERT INTO message_sweeps (room_id, up_to_id) VALUES (?, ?)
		ON CONFLICT (room_id) DO UPDATE SET up_to_id = excluded.up_to_id`, roomID, upTo)
}

// purgeRooms runs one batch of the purge of deleted rooms, except for their messages (purgeMessages).
func (s *Store) purgeRooms(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(tx *transaction) (more bool, err error) {
		var gone deletedRoom
		found, err := database.Find(tx.DB, &gone,
			"SELECT id, deleted_position FROM rooms WHERE deleted_at <> 0 ORDER BY id LIMIT 1"+
				tx.store.dialect.SkipLocked())
		if err != nil || !found {
			return false, err
		}
		for _, step := range []func(deletedRoom) (bool, error){tx.endMembershipsIn, tx.endMutesIn, tx.dropRowsIn,
			tx.dropFilesIn} {
			if more, err := step(gone); err != nil || more {
				return true, err
			}
		}
		return true, database.Exec(tx.DB, "DELETE FROM rooms WHERE id = ?", gone.ID)
	})
}

// deletedRoom is a room that is being purged.
type deletedRoom struct{ ID, DeletedPosition int64 }

func (tx *transaction) endMembershipsIn(gone deletedRoom) (more bool, err error) {
	var users []int64
	err = database.Scan(tx.DB, &users,
		"SELECT user_id FROM memberships WHERE room_id = ? ORDER BY user_id LIMIT ?", gone.ID, batchRows)
	if err != nil || len(users) == 0 {
		return false, err
	}
	return true, tx.endMemberships(gone.DeletedPosition, "room_id = ? AND user_id IN ?", gone.ID, users)
}

func (tx *transaction) endMutesIn(gone deletedRoom) (more bool, err error) {
	ended, err := database.ExecRows(tx.DB,
		`UPDATE silences SET to_position = ? WHERE room_id = ? AND (user_id, from_position) IN (
		SELECT user_id, from_position FROM silences WHERE room_id = ? AND to_position = 0 LIMIT ?)`,
		gone.DeletedPosition, gone.ID, gone.ID, batchRows)
	return ended > 0, err
}

// roomTables are the rows of a room that are deleted without an event: the table, and its key.
var roomTables = [][2]string{
	{"bans", "room_id, user_id"}, {"leavers", "room_id, user_id"}, {"invites", "code"}, {"pins", "room_id, message_id"},
}

func (tx *transaction) dropRowsIn(gone deletedRoom) (more bool, err error) {
	for _, t := range roomTables {
		if more, err := tx.deleteRows(t[0], t[1], "room_id = ?", gone.ID); err != nil || more {
			return more, err
		}
	}
	return false, nil
}

// dropFilesIn schedules the deletion of files without a message: those of messages go with them.
func (tx *transaction) dropFilesIn(gone deletedRoom) (more bool, err error) {
	if more, err = tx.deleteSomeFiles("room_id = ? AND message_id = 0", gone.ID); err != nil || more {
		return more, err
	}
	return tx.dropSomeUploads("room_id = ?", gone.ID)
}

// purgeMessages deletes some of the messages that nobody can see any more, and what they had.
func (s *Store) purgeMessages(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(tx *transaction) (more bool, err error) {
		var pending struct{ RoomID, UpToID int64 }
		found, err := database.Find(tx.DB, &pending, "SELECT room_id, up_to_id FROM message_sweeps ORDER BY room_id LIMIT 1"+
			tx.store.dialect.SkipLocked())
		if err != nil || !found {
			return false, err
		}
		more, err = tx.deleteSomeFiles("room_id = ? AND message_id BETWEEN 1 AND ?", pending.RoomID, pending.UpToID)
		if err != nil || more {
			return more, err
		}
		for _, statement := range purgeStatements {
			removed, err := database.ExecRows(tx.DB, statement, pending.RoomID, pending.RoomID, pending.UpToID, batchRows)
			if err != nil || removed > 0 {
				return true, err
			}
		}
		return true, database.Exec(tx.DB,
			"DELETE FROM message_sweeps WHERE room_id = ? AND up_to_id = ?", pending.RoomID, pending.UpToID)
	})
}

// purgeStatements delete some of the rows of a room's messages up to an id. Tallies of chunks of ids that reach beyond
// it are deleted too: what is counted after a later id never counts a chunk that has this id.
var purgeStatements = []string{
	`DELETE FROM pins WHERE room_id = ? AND message_id IN (
		SELECT message_id FROM pins WHERE room_id = ? AND message_id <= ? ORDER BY message_id LIMIT ?)`,
	`DELETE FROM reaction_counts WHERE room_id = ? AND (message_id, emoji) IN (
		SELECT message_id, emoji FROM reaction_counts WHERE room_id = ? AND message_id <= ? LIMIT ?)`,
	`DELETE FROM reactions WHERE room_id = ? AND (message_id, emoji, user_id) IN (
		SELECT message_id, emoji, user_id FROM reactions WHERE room_id = ? AND message_id <= ? LIMIT ?)`,
	`DELETE FROM deletion_tallies WHERE room_id = ? AND level = 0 AND (sender_id, chunk) IN (
		SELECT sender_id, chunk FROM deletion_tallies WHERE room_id = ? AND level = 0 AND chunk <= (CAST(? AS BIGINT) >> 8)
		LIMIT ?)`,
	`DELETE FROM deletion_tallies WHERE room_id = ? AND level = 1 AND (sender_id, chunk) IN (
		SELECT sender_id, chunk FROM deletion_tallies WHERE room_id = ? AND level = 1 AND chunk <= (CAST(? AS BIGINT) >> 16)
		LIMIT ?)`,
	`DELETE FROM messages WHERE room_id = ? AND id IN (
		SELECT id FROM messages WHERE room_id = ? AND id <= ? ORDER BY id LIMIT ?)`,
}
