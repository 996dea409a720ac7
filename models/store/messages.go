package store

import (
	"context"
	"maps"
	"slices"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// messageRow is a message with its sender's names.
type messageRow struct {
	RoomID      int64
	ID          int64
	SenderID    int64
	Username    string
	DisplayName string
	Type        string
	Text        string
	ReplyTo     int64
	ClientID    string
	CreatedAt   int64
	EditedAt    int64
	DeletedAt   int64
}

// The names of deleted users, on what stays of theirs: SQL literals.
const (
	deletedUsername    = `'deleted'`
	deletedDisplayName = `'Deleted account'`
)

// What is shown of a message whose sender u has deleted their account: a tombstone, also before the purge has made it
// one.
const (
	visibleText      = `CASE WHEN u.deleted_at > 0 THEN '' ELSE m.text END`
	visibleDeletedAt = `CASE WHEN m.deleted_at = 0 THEN COALESCE(u.deleted_at, 0) ELSE m.deleted_at END`
)

const (
	messageColumns = `m.room_id, m.id, m.sender_id, COALESCE(u.username, ` + deletedUsername + `) AS username,
	COALESCE(u.display_name, ` + deletedDisplayName + `) AS display_name, m.type, ` + visibleText + ` AS text, m.reply_to,
	m.client_id, m.created_at, m.edited_at, ` + visibleDeletedAt + ` AS deleted_at`
	messageQuery = `SELECT ` + messageColumns + ` FROM messages m LEFT JOIN users u ON u.id = m.sender_id WHERE m.room_id
		= ?`
)

func (r messageRow) model(room roomRow) models.Message {
	return models.Message{
		ID: r.ID, RoomID: room.ID, Subject: room.Subject,
		Sender: models.UserRef{ID: r.SenderID, Username: r.Username, DisplayName: r.DisplayName},
		Type:   models.MessageType(r.Type), Text: r.Text, ReplyTo: r.ReplyTo, ClientID: r.ClientID,
		Files: []models.File{}, Reactions: []models.Reaction{},
		CreatedAt: models.FromMillis(r.CreatedAt), EditedAt: models.FromMillis(r.EditedAt),
		DeletedAt: models.FromMillis(r.DeletedAt),
	}
}

// findMessage returns a message that was not cleared, which may be a tombstone.
func findMessage(db *gorm.DB, room roomRow, id int64) (messageRow, error) {
	var row messageRow
	if id <= room.ClearedID {
		return row, models.NotFound()
	}
	found, err := database.Find(db, &row, messageQuery+" AND m.id = ?", room.ID, id)
	if err == nil && !found {
		return row, models.NotFound()
	}
	return row, err
}

// Message returns one message of a room that the caller may read.
func (s *Store) Message(ctx context.Context, callerID int64, path models.RoomPath, id int64) (models.Message, error) {
	db := s.read(ctx)
	a, err := authorizeReader(db, path, callerID)
	if err != nil {
		return models.Message{}, err
	}
	row, err := findMessage(db, a.Room, id)
	if err != nil {
		return models.Message{}, err
	}
	return fillMessage(db, callerID, row.model(a.Room))
}

// EditMessage replaces the text of the caller's own message.
func (s *Store) EditMessage(
	ctx context.Context, callerID int64, path models.RoomPath, id int64, e models.MessageEdit, only models.Condition,
) (models.Message, models.Cursor, error) {
	var message models.Message
	at, err := s.write(ctx, func(tx *transaction) error {
		a, row, err := tx.lockMessage(authorizeWriter, callerID, path, id)
		if err != nil {
			return err
		}
		if row.SenderID != callerID {
			return models.Errorf(models.CodeForbidden, "Only its sender may edit a message.")
		}
		if row.DeletedAt != 0 {
			return models.NotFound()
		}
		if err := check(only, row.model(a.Room)); err != nil {
			return err
		}
		if err := tx.refuseEmpty(a.Room.ID, id, e); err != nil {
			return err
		}
		if row.Text == e.Text {
			message, err = fillMessage(tx.DB, callerID, row.model(a.Room))
			return err
		}
		row.Text, row.EditedAt = e.Text, max(models.Now().Millis(), row.EditedAt+1) // each edit has a tag of its own
		err = database.Exec(tx.DB, "UPDATE messages SET text = ?, edited_at = ? WHERE room_id = ? AND id = ?",
			row.Text, row.EditedAt, a.Room.ID, id)
		if err == nil {
			err = tx.index([]database.IndexedMessage{{RoomID: a.Room.ID, ID: id, Key: wordindex.KeyOf(row.Text)}})
		}
		if err == nil {
			err = tx.touch(a.Room.ID)
		}
		if err != nil {
			return err
		}
		if message, err = fillMessage(tx.DB, callerID, row.model(a.Room)); err != nil {
			return err
		}
		return tx.appendMessageEvent(models.EventMessageEdited, message)
	})
	return message, at, err
}

// refuseEmpty is an error for an edit that leaves a message without text and files.
func (tx *transaction) refuseEmpty(roomID, id int64, e models.MessageEdit) error {
	why := e.RefuseEmpty()
	if why == nil {
		return nil
	}
	var files int64
	err := database.Scan(tx.DB, &files, "SELECT count(*) FROM files WHERE room_id = ? AND message_id = ?", roomID, id)
	if err == nil && files == 0 {
		err = why
	}
	return err
}

// authorizer finds a room for a caller with certain rights, such as authorizeMember.
type authorizer func(db *gorm.DB, path models.RoomPath, callerID int64) (access, error)

// lockMessage locks the room and finds one of its messages, for a caller that authorize accepts.
func (tx *transaction) lockMessage(
	as authorizer, callerID int64, path models.RoomPath, id int64,
) (access, messageRow, error) {
	if err := tx.lockRoom(path); err != nil {
		return access{}, messageRow{}, err
	}
	a, err := as(tx.DB, path, callerID)
	if err != nil {
		return a, messageRow{}, err
	}
	row, err := findMessage(tx.DB, a.Room, id)
	return a, row, err
}

// DeleteMessage turns a message into a tombstone: the caller's own one, or any for a moderator. It does nothing for a
// tombstone, whatever the condition: what was to be done is done. A user who has been blocked may still delete what
// they wrote.
func (s *Store) DeleteMessage(
	ctx context.Context, callerID int64, path models.RoomPath, id int64, only models.Condition,
) (models.Cursor, error) {
	return s.write(ctx, func(tx *transaction) error {
		a, row, err := tx.lockMessage(authorizeMember, callerID, path, id)
		if err != nil && a.Room.ID != 0 {
			return unlessNotFound(err) // it was cleared
		}
		if err != nil {
			return err
		}
		if row.SenderID != callerID && !models.Role(a.Role).Moderates() {
			return models.Errorf(models.CodeForbidden, "Only its sender or a moderator may delete a message.")
		}
		if row.DeletedAt != 0 {
			return nil
		}
		if err := check(only, row.model(a.Room)); err != nil {
			return err
		}
		caller, err := findUser(tx.DB, models.UserPath{ID: callerID})
		if err != nil {
			return err
		}
		return tx.tombstone(a.Room.ID, row.SenderID, []int64{id}, caller.model().Ref())
	})
}

// ClearHistory removes all messages of a room for all users. Ids go on where they were. It takes no longer for many
// messages: it records that they are cleared, after which all reads skip them, and the janitor purges them.
func (s *Store) ClearHistory(ctx context.Context, callerID int64, path models.RoomPath) (models.Cursor, error) {
	return s.write(ctx, func(tx *transaction) error {
		if err := tx.lockRoom(path); err != nil {
			return err
		}
		a, err := authorizeModerator(tx.DB, path, callerID)
		if err != nil || a.Room.ClearedID == a.Room.LastMessageID {
			return err
		}
		err = database.Exec(tx.DB,
			"UPDATE rooms SET message_count = 0, cleared_id = last_message_id, updated_at = ? WHERE id = ?",
			models.Now().Millis(), a.Room.ID)
		if err != nil {
			return err
		}
		if err := tx.schedulePurge(a.Room.ID, a.Room.LastMessageID); err != nil {
			return err
		}
		return tx.appendEvent(models.EventHistoryCleared, models.Audience{RoomID: a.Room.ID},
			models.HistoryCleared{RoomID: a.Room.ID, UpToID: a.Room.LastMessageID})
	})
}

// tombstone turns messages of one sender, in the order of their ids, into tombstones. They are not deleted or cleared
// yet, and the room is locked. by is the user in the events pin.removed.
func (tx *transaction) tombstone(roomID, senderID int64, ids []int64, by models.UserRef) error {
	if err := tx.dropAttachments(roomID, ids, by); err != nil {
		return err
	}
	if err := tx.clearText(roomID, ids); err != nil {
		return err
	}
	err := tx.countDeleted(roomID, senderID, ids, models.Now().Millis())
	for _, id := range ids {
		if err == nil {
			err = tx.appendEvent(models.EventMessageDeleted, models.Audience{RoomID: roomID},
				models.MessageRef{RoomID: roomID, MessageID: id})
		}
	}
	return err
}

// clearText removes the text. A message that is deleted with this alone, and not with tombstone, is one that nobody can
// see.
func (tx *transaction) clearText(roomID int64, ids []int64) error {
	return database.Exec(tx.DB, "UPDATE messages SET text = '', deleted_at = ? WHERE room_id = ? AND id IN ?",
		models.Now().Millis(), roomID, ids)
}

// dropAttachments removes the pins of messages, with events, and their files and reactions, without: the event of the
// deletion implies them.
func (tx *transaction) dropAttachments(roomID int64, ids []int64, by models.UserRef) error {
	var pinned []int64
	err := database.Scan(tx.DB, &pinned,
		"SELECT message_id FROM pins WHERE room_id = ? AND message_id IN ? ORDER BY message_id", roomID, ids)
	for _, id := range pinned {
		if err == nil {
			err = tx.unpin(roomID, id, by)
		}
	}
	if err != nil {
		return err
	}
	if err := tx.deleteFiles("room_id = ? AND message_id IN ?", roomID, ids); err != nil {
		return err
	}
	return tx.dropReactions(roomID, ids)
}

// fillMessages adds to messages their files, and their reactions as the caller sees them.
func fillMessages(db *gorm.DB, callerID int64, messages []models.Message) error {
	if err := addFiles(db, messages); err != nil {
		return err
	}
	return addReactions(db, callerID, messages)
}

func addFiles(db *gorm.DB, messages []models.Message) error {
	return addFilesTo(db, pointersTo(messages))
}

func addReactions(db *gorm.DB, callerID int64, messages []models.Message) error {
	return addReactionsTo(db, callerID, pointersTo(messages))
}

func pointersTo(messages []models.Message) []*models.Message {
	list := make([]*models.Message, len(messages))
	for i := range messages {
		list[i] = &messages[i]
	}
	return list
}

// fillMessage returns one message with its files and reactions.
func fillMessage(db *gorm.DB, callerID int64, m models.Message) (models.Message, error) {
	one := []models.Message{m}
	err := fillMessages(db, callerID, one)
	return one[0], err
}

// messageKey identifies a message.
type messageKey struct{ roomID, id int64 }

// messagesByKey are messages, each of which may be in several places.
type messagesByKey map[messageKey][]*models.Message

func groupByKey(list []*models.Message) messagesByKey {
	grouped := make(messagesByKey, len(list))
	for _, m := range list {
		if !m.DeletedAt.IsZero() {
			continue // a tombstone has no files or reactions, though that of a deleted account may still have rows of them
		}
		key := messageKey{m.RoomID, m.ID}
		grouped[key] = append(grouped[key], m)
	}
	return grouped
}

// table is a table v of the messages, as room_id and id, for a statement, and its parameters.
func (m messagesByKey) table(db *gorm.DB) (v string, args []any) {
	pairs := make([][2]int64, 0, len(m))
	for _, key := range slices.Collect(maps.Keys(m)) {
		pairs = append(pairs, [2]int64{key.roomID, key.id})
	}
	return database.PairTable(db, pairs)
}
