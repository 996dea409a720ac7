package store

import (
	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// What the log tells again is what there is when it is read:
//
//   - its rows hold no messages, but refer to them. A message comes as it is now, a deleted one as its tombstone;
//   - an event has no data any more, and is passed over, when its message was cleared away, its room deleted or its sender's
//     account, and so has what told of a room that is deleted;
//   - whoever has deleted their account is named so in every other event.
//
// So what is written to a row is at most what nobody can delete, and a message that is told again may have more than it
// had at its event's place: an edit, reactions, fewer files. Each later event that tells of such a thing carries the
// outcome and no step, so that whoever applies it once more is right.

// storedData is what the log keeps of an event's data.
func storedData(e models.LogEntry) string {
	if e.MessageID != 0 {
		return ""
	}
	return string(e.Data)
}

// entriesQuery reads events, each with its message, if it has one that was not cleared away. All is of one moment, and the
// message as it was committed with its event or later. (With "OFFSET 0" PostgreSQL does not read all files and reactions, to
// look them up in memory.)
const entriesQuery = `SELECT e.position, e.name, e.everyone, e.room_id, e.user_id, e.peer_id, e.session_id, e.message_id,
	e.data, r.id IS NOT NULL, COALESCE(r.subject, ''), m.id IS NOT NULL AND u.id IS NOT NULL,
	COALESCE(m.sender_id, 0), COALESCE(u.username, ''), COALESCE(u.display_name, ''), COALESCE(m.type, ''),
	COALESCE(m.text, ''), COALESCE(m.reply_to, 0), COALESCE(m.client_id, ''), COALESCE(m.created_at, 0),
	COALESCE(m.edited_at, 0), COALESCE(m.deleted_at, 0),
	EXISTS (SELECT 1 FROM files f WHERE f.room_id = m.room_id AND f.message_id = m.id LIMIT 1 OFFSET 0),
	EXISTS (SELECT 1 FROM reaction_counts x WHERE x.room_id = m.room_id AND x.message_id = m.id LIMIT 1 OFFSET 0)
	FROM events e LEFT JOIN rooms r ON r.id = e.room_id AND r.deleted_at = 0
	LEFT JOIN messages m ON m.room_id = e.room_id AND m.id = e.message_id AND m.id > r.cleared_id
	LEFT JOIN users u ON u.id = m.sender_id AND u.deleted_at = 0`

// logRow is an event as it was read, with its message.
type logRow struct {
	models.LogEntry
	roomThere        bool
	subject          string
	messageThere     bool
	message          messageRow
	files, reactions bool // whether the message has any
}

// readEntries reads events by entriesQuery and what may follow it: one statement for all messages, and one each for their
// files, their reactions and the users named, where there are any.
func readEntries(db *gorm.DB, query string, args ...any) ([]models.LogEntry, error) {
	rows, err := readLogRows(db, query, args...)
	if err != nil {
		return nil, err
	}
	if err := fillMessages(db, rows); err != nil {
		return nil, err
	}
	list := make([]models.LogEntry, len(rows))
	for i, r := range rows {
		list[i] = r.LogEntry
	}
	return list, hideGone(db, list)
}

func readLogRows(db *gorm.DB, query string, args ...any) ([]logRow, error) {
	found, err := queryIn(db, query, args...)
	if err != nil {
		return nil, err
	}
	var list []logRow
	var r logRow
	a, m := &r.Audience, &r.message
	err = scanRows(found, func() {
		if r.tellsOfRoom() && !r.roomThere {
			r.Data = nil
		}
		list = append(list, r)
		r.Data = nil // the list's own
	}, &r.Position, &r.Name, &a.Everyone, &a.RoomID, &a.UserID, &a.PeerID, &a.SessionID, &r.MessageID,
		&r.Data, &r.roomThere, &r.subject, &r.messageThere,
		&m.SenderID, &m.Username, &m.DisplayName, &m.Type, &m.Text, &m.ReplyTo, &m.ClientID, &m.CreatedAt, &m.EditedAt,
		&m.DeletedAt, &r.files, &r.reactions)
	return list, judged(db, err)
}

// tellsOfRoom reports whether the event's data is a room.
func (r logRow) tellsOfRoom() bool {
	return r.Name == models.EventRoomCreated || r.Name == models.EventRoomUpdated
}

// fillMessages encodes the messages into the events that are about them. Those whose message is not there have no data.
func fillMessages(db *gorm.DB, rows []logRow) error {
	var messages, withFiles, withReactions []*models.Message
	var at []int // the event of each message
	for i, r := range rows {
		if r.MessageID == 0 || !r.messageThere {
			continue
		}
		r.message.ID = r.MessageID
		m := r.message.model(roomRow{ID: r.Audience.RoomID, Subject: r.subject})
		messages, at = append(messages, &m), append(at, i)
		if r.files {
			withFiles = append(withFiles, &m)
		}
		if r.reactions {
			withReactions = append(withReactions, &m)
		}
	}
	if err := addFilesTo(db, withFiles); err != nil {
		return err
	}
	if err := addReactionsTo(db, nobody, withReactions); err != nil {
		return err
	}
	for i, m := range messages {
		rows[at[i]].Data = m.ForAll().AppendJSON(nil)
	}
	return nil
}
