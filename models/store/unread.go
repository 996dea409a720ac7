package store

import (
	"context"
	"strings"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// The number of a member's unread messages is computed when it is requested, from numbers each of which is kept at the
// cost of a row or a few, however many members, messages and unread messages there are.
//
// The ids of a room are consecutive: after an id there are last_message_id - id messages. So, after the member's read
// mark, or after the last clearing if that is later,
//
//	unread = all messages - deleted ones - the member's own that are not deleted
//
//   - Own ones are counted in own_count of the membership, in the row that a send writes anyway. own_after is the id
//     after which they are counted: when that is before cleared_id, the member has sent nothing since the clearing, and
//     has none.
//   - When a read mark moves, the own ones after it are counted by numbers: sent_count is the number of the member's
//     newest message, and each message has its own, sender_seq. Between two of them only deleted ones have to be
//     subtracted.
//   - Those of senders that the member has blocked are subtracted as long as the block exists: for each of them, as
//     many as lie between the oldest and the newest that count, by the same numbers. Most members have blocked nobody.
//   - Mostly no messages are deleted, according to last_deleted_id of the room. Otherwise those in the rest of the id's
//     chunk of 256 are counted one by one, with an index of deleted messages alone, and all after them by
//     deletion_tallies: at most 255 rows of level 0, and a row of level 1 for each 65,536 messages.
//
// The statements call the room r and the membership m.

// tallyBits is the number of ids, as a power of two, of a chunk of each level of deletion_tallies.
var tallyBits = []int{8, 16}

const (
	anySender = "0" // as a sender_id of deletion_tallies

	// readUpTo is the id after which messages may be unread.
	readUpTo = "CASE WHEN m.last_read_id > r.cleared_id THEN m.last_read_id ELSE r.cleared_id END"
)

var (
	// unreadCount is the number of unread messages; 0 without a membership.
	unreadCount = `CASE WHEN m.user_id IS NULL OR r.last_message_id <= (` + readUpTo + `) THEN 0 ELSE r.last_message_id -
		(` + readUpTo + `)
	- CASE WHEN m.own_after < r.cleared_id THEN 0 ELSE m.own_count END - ` + deletedAfter(anySender, "("+readUpTo+")") + `
	- ` + blockedAfter + ` END`

	// blockedAfter is the number of messages of senders that the member has blocked that would be unread: few messages are
	// checked one by one, and of many messages those of each blocked sender are counted. So neither many blocks nor many
	// messages are expensive.
	blockedAfter = `CASE WHEN r.last_message_id - (` + readUpTo + `) <= 32
	THEN (SELECT count(*) FROM messages x WHERE x.room_id = r.id AND x.id > ` + readUpTo + ` AND x.deleted_at = 0
		AND (SELECT count(*) FROM blocks l WHERE l.user_id = m.user_id AND l.blocked_id = x.sender_id) > 0)
	ELSE (SELECT CAST(COALESCE(sum((` + liveAfter("l.blocked_id", newestSent("l.blocked_id"), readUpTo) + `)), 0) AS
	BIGINT)
		FROM blocks l WHERE l.user_id = m.user_id) END`

	// ownAfterStatement counts a member's own messages after an id, which is not before the last clearing, that are not
	// deleted.
	ownAfterStatement = "SELECT COALESCE((" + liveAfter("m.user_id", "m.sent_count", "?") + `), 0)
	FROM rooms r JOIN memberships m ON m.room_id = r.id WHERE r.id = ? AND m.user_id = ?`

	// sentStatement is the number of a sender's newest message in a room, member or not: 0 when none is left that is not
	// deleted, for then the numbers of what they have sent are not needed any more.
	sentStatement = "SELECT " + newestSent("CAST(? AS BIGINT)") + " FROM rooms r WHERE r.id = ?"
)

// newestSent is the SQL for the number of a sender's newest message in a room. The sender is in it twice.
func newestSent(senderID string) string {
	return `COALESCE((SELECT CASE WHEN newest.sender_id = ` + senderID + ` AND newest.room_id = r.id AND newest.id >
		r.cleared_id
		THEN newest.sender_seq + ` + deletedAfter("newest.sender_id", "newest.id") + ` END FROM messages newest
		WHERE (newest.sender_id, newest.room_id, newest.id) <= (+` + senderID + `, +r.id, +r.last_message_id) AND
		newest.deleted_at = 0
		ORDER BY newest.sender_id DESC, newest.room_id DESC, newest.id DESC LIMIT 1), 0)`
}

// deletedAfter is the SQL for the number of deleted messages after an id, of a sender or of anySender. The id is not
// before the last clearing. Both are SQL too, and may be in it several times.
func deletedAfter(senderID, id string) string {
	own := ""
	if senderID != anySender {
		own = " AND d.sender_id = $sender"
	}
	return strings.NewReplacer("$sender", senderID, "$id", id).Replace(`CASE WHEN r.last_deleted_id <= $id THEN 0 ELSE
		(SELECT count(*) FROM messages d WHERE d.room_id = r.id AND d.deleted_at <> 0` + own + `
			AND d.id > $id AND d.id < ((($id >> 8) + 1) << 8))
		+ (SELECT CAST(COALESCE(sum(t.count), 0) AS BIGINT) FROM deletion_tallies t WHERE t.room_id = r.id
			AND t.sender_id = $sender AND t.level = 0 AND t.chunk > ($id >> 8) AND t.chunk < ((($id >> 16) + 1) << 8))
		+ (SELECT CAST(COALESCE(sum(t.count), 0) AS BIGINT) FROM deletion_tallies t WHERE t.room_id = r.id
			AND t.sender_id = $sender AND t.level = 1 AND t.chunk > ($id >> 16)) END`)
}

// liveAfter is the SQL for the number of a sender's messages after an id that are not deleted, NULL for none. sent is
// the number of the sender's newest one.
//
// The next message in the order of messages_by_sender may be one of another room or sender. If it were not looked for
// among those, a database might read the room from the id on, until a message is the sender's. Each "+" takes a
// column's type away, without which SQLite would look up the sender alone, and read on.
func liveAfter(senderID, sent, id string) string {
	return `SELECT CASE WHEN oldest.sender_id = ` + senderID + ` AND oldest.room_id = r.id
		THEN ` + sent + ` - oldest.sender_seq + 1 - ` + deletedAfter("oldest.sender_id", "oldest.id") + ` END FROM messages
		oldest
		WHERE (oldest.sender_id, oldest.room_id, oldest.id) > (+` + senderID + `, +r.id, ` + id + `) AND oldest.deleted_at = 0
		ORDER BY oldest.sender_id, oldest.room_id, oldest.id LIMIT 1`
}

// moveReadMark stores the member's read mark as it is in a, and counts the unread messages again.
func (tx *transaction) moveReadMark(a *access) error {
	from, own := max(a.LastReadID, a.Room.ClearedID), int64(0)
	if from < a.Room.LastMessageID {
		if err := database.Scan(tx.DB, &own, ownAfterStatement, from, a.Room.ID, a.CallerID); err != nil {
			return err
		}
	}
	err := database.Exec(tx.DB,
		"UPDATE memberships SET last_read_id = ?, own_count = ?, own_after = ? WHERE room_id = ? AND user_id "+
			"= ?",
		a.LastReadID, own, from, a.Room.ID, a.CallerID)
	if err != nil {
		return err
	}
	return database.Scan(tx.DB, &a.UnreadCount,
		"SELECT "+unreadCount+" FROM rooms r JOIN memberships m ON m.room_id = r.id WHERE r.id = ? AND "+
			"m.user_id = ?",
		a.Room.ID, a.CallerID)
}

// sentBefore returns the number after which the messages of a new member are counted: that of their last message from
// an earlier membership.
func (tx *transaction) sentBefore(roomID, userID int64) (sent int64, err error) {
	err = database.Scan(tx.DB, &sent, sentStatement, userID, userID, roomID)
	return sent, err
}

// countDeleted subtracts messages of one sender, which are being deleted, from the counts of the room and its members.
// ids are in order.
func (tx *transaction) countDeleted(roomID, senderID int64, ids []int64, now int64) error {
	if err := tx.tallyDeleted(roomID, senderID, ids); err != nil {
		return err
	}
	err := database.Exec(tx.DB, `UPDATE memberships SET own_count = own_count - (SELECT count(*) FROM messages d
		WHERE d.room_id = memberships.room_id AND d.id IN ? AND d.id > memberships.own_after) WHERE room_id = ? AND user_id =
		?`,
		ids, roomID, senderID)
	if err != nil {
		return err
	}
	last := ids[len(ids)-1]
	return database.Exec(tx.DB, `UPDATE rooms SET message_count = message_count - ?, updated_at = ?,
		last_deleted_id = CASE WHEN last_deleted_id > ? THEN last_deleted_id ELSE ? END WHERE id = ?`,
		len(ids), now, last, last, roomID)
}

func (tx *transaction) tallyDeleted(roomID, senderID int64, ids []int64) error {
	type chunk struct{ level, number int64 }
	counts := map[chunk]int{}
	for _, id := range ids {
		for level, bits := range tallyBits {
			counts[chunk{int64(level), id >> bits}]++
		}
	}
	var args []any
	for at, n := range counts {
		args = append(args, roomID, 0, at.level, at.number, n, roomID, senderID, at.level, at.number, n)
	}
	return database.Exec(tx.DB, "INSERT INTO deletion_tallies (room_id, sender_id, level, chunk, count) VALUES "+
		strings.Repeat(", (?, ?, ?, ?, ?)", 2*len(counts))[2:]+` ON CONFLICT (room_id, sender_id, level, chunk)
		DO UPDATE SET count = deletion_tallies.count + excluded.count`, args...)
}

// MarkRead moves the caller's read mark forward. In a direct room the other user gets the event, unless there is a
// block between the two.
func (s *Store) MarkRead(
	ctx context.Context, callerID int64, path models.RoomPath, mark models.ReadMark,
) (models.Membership, models.Cursor, error) {
	var membership models.Membership
	at, err := s.write(ctx, func(tx *transaction) error {
		if err := tx.lockRoom(path); err != nil {
			return err
		}
		a, err := authorizeMember(tx.DB, path, callerID)
		if err != nil {
			return err
		}
		if mark.MessageID > a.Room.LastMessageID {
			return models.Invalid("message_id", "there is no such message yet; the newest is %d", a.Room.LastMessageID)
		}
		membership = a.membership()
		if mark.MessageID <= a.LastReadID {
			return nil
		}
		a.LastReadID = mark.MessageID
		if err := tx.moveReadMark(&a); err != nil {
			return err
		}
		membership = a.membership()
		to := models.Audience{UserID: callerID}
		if a.Room.Kind == string(models.RoomDirect) && !a.Blocked {
			to.RoomID = a.Room.ID
		}
		return tx.appendEvent(models.EventMessageRead, to,
			models.ReadEvent{RoomID: a.Room.ID, UserID: callerID, MessageID: mark.MessageID})
	})
	return membership, at, err
}
