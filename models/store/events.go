package store

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// Head returns the cursor of an event that is at least as new as all that was committed before the request of ctx. What
// is read after Head includes all that the log says up to it.
func (s *Store) Head(ctx context.Context) (models.Cursor, error) {
	head, err := s.readPoint(ctx)
	return s.cursorAt(head), err
}

// moveHead records a commit of this process, before anybody learns of it. Two commits may be recorded in either order.
func (s *Store) moveHead(position int64) {
	for {
		head := s.head.Load()
		if position <= head || s.head.CompareAndSwap(head, position) {
			return
		}
	}
}

// logBounds are the position of the newest event, and that of the newest event which is no longer kept.
type logBounds struct{ head, pruned int64 }

// Bounds returns the position of the newest event, and that of the newest event which is no longer kept. Those who ask
// at the same time share one query, which begins after they have asked.
func (s *Store) Bounds(ctx context.Context) (head, pruned int64, err error) {
	b, _, err := s.bounds.get(ctx, struct{}{})
	return b.head, b.pruned, err
}

func (s *Store) readBounds(ctx context.Context) (b logBounds, err error) {
	rows := database.Query(s.read(ctx), "SELECT position, pruned FROM event_head WHERE id = 1")
	err = rows.Each(func() {}, &b.head, &b.pruned)
	return b, err
}

// Entries reads up to limit events after a position, in order.
func (s *Store) Entries(ctx context.Context, after int64, limit int) ([]models.LogEntry, error) {
	return readEntries(s.read(ctx), entriesQuery+" WHERE e.position > $1 ORDER BY e.position LIMIT $2 + 0", after, limit)
}

// EntriesFor reads up to limit events after one position and up to another that may concern a user, in order. It may
// return events of rooms at a time when the user was not a member. Visibility says which of them they may see.
func (s *Store) EntriesFor(ctx context.Context, userID, after, upTo int64, limit int) ([]models.LogEntry, error) {
	return readEntries(s.read(ctx), entriesQuery+` WHERE e.position > $1 AND e.position <= $2
		AND (e.everyone OR e.user_id = $3 OR e.peer_id = $3 OR e.room_id IN (
			SELECT room_id FROM memberships WHERE user_id = $3 UNION SELECT room_id FROM past_memberships WHERE user_id = $3))
		ORDER BY e.position LIMIT $4 + 0`, after, upTo, userID, limit)
}

// What the log returns is what exists when it is read:
//
//   - Its rows hold no messages, but refer to them. A message is returned as it is now, a deleted one as its tombstone.
//   - An event has no data any more, and is skipped, when its message was cleared, or its room or its sender's account
//     was deleted. An event about a deleted room is skipped too.
//   - A user who has deleted their account has the name of deleted users in every other event.
//
// So a row holds nothing that a user can delete, and a message in a replay may be newer than its event: edited, with
// reactions, with fewer files. Each later event about such a change carries the result and not a step, so that applying
// it again is right.

// entriesQuery reads events, each with its message, if it has one that was not cleared. All is read at one moment, and
// the message is as it was committed with its event or later. (Without "OFFSET 0" PostgreSQL reads all files and
// reactions, and looks them up in memory.)
const entriesQuery = `SELECT e.position, e.name, e.everyone, e.room_id, e.user_id, e.peer_id, e.session_id,
	e.message_id,
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
	roomExists       bool
	subject          string
	messageExists    bool
	message          messageRow
	files, reactions bool // whether the message has any
}

// readEntries reads events with entriesQuery and what follows it: one statement for all messages, and one each for
// their files, their reactions and the users in them, where there are any.
func readEntries(db *gorm.DB, query string, args ...any) ([]models.LogEntry, error) {
	rows, err := readLogRows(db, query, args...)
	if err != nil {
		return nil, err
	}
	if err := encodeMessages(db, rows); err != nil {
		return nil, err
	}
	list := make([]models.LogEntry, len(rows))
	for i, r := range rows {
		list[i] = r.LogEntry
	}
	return list, hideDeletedUsers(db, list)
}

func readLogRows(db *gorm.DB, query string, args ...any) ([]logRow, error) {
	var list []logRow
	var r logRow
	a, m := &r.Audience, &r.message
	err := database.Query(db, query, args...).Each(func() {
		if r.carriesRoom() && !r.roomExists {
			r.Data = nil
		}
		list = append(list, r)
		r.Data = nil // the list has it now
	}, &r.Position, &r.Name, &a.Everyone, &a.RoomID, &a.UserID, &a.PeerID, &a.SessionID, &r.MessageID,
		&r.Data, &r.roomExists, &r.subject, &r.messageExists,
		&m.SenderID, &m.Username, &m.DisplayName, &m.Type, &m.Text, &m.ReplyTo, &m.ClientID, &m.CreatedAt, &m.EditedAt,
		&m.DeletedAt, &r.files, &r.reactions)
	return list, err
}

// carriesRoom reports whether the event's data is a room.
func (r logRow) carriesRoom() bool {
	return r.Name == models.EventRoomCreated || r.Name == models.EventRoomUpdated
}

// encodeMessages encodes the messages into their events. An event whose message does not exist has no data.
func encodeMessages(db *gorm.DB, rows []logRow) error {
	var messages, withFiles, withReactions []*models.Message
	var at []int // the event of each message
	for i, r := range rows {
		if r.MessageID == 0 || !r.messageExists {
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

// namedUser is how an event's data contains a user. Quotes within strings are escaped there, so that no text of a user
// can look like it.
var namedUser = regexp.MustCompile(`\{"id":(\d+),"username":"`)

// hideDeletedUsers replaces the names of deleted users in the events.
func hideDeletedUsers(db *gorm.DB, entries []models.LogEntry) error {
	named := map[int64]bool{}
	for _, e := range entries {
		// The names in messages are read with them, and the other events are not replayed.
		if e.MessageID != 0 || !e.Replayable() {
			continue
		}
		for _, found := range namedUser.FindAllSubmatch(e.Data, -1) {
			if id, err := strconv.ParseInt(string(found[1]), 10, 64); err == nil {
				named[id] = true
			}
		}
	}
	if len(named) == 0 {
		return nil
	}
	var there []int64
	in, ids := database.IDList(db, slices.Collect(maps.Keys(named)))
	err := database.Scan(db, &there, "SELECT id FROM users WHERE deleted_at = 0 AND id IN "+in, ids)
	if err != nil {
		return err
	}
	for _, id := range there {
		delete(named, id)
	}
	if len(named) == 0 {
		return nil
	}
	for i, e := range entries {
		if e.MessageID != 0 || !e.Replayable() {
			continue
		}
		if entries[i].Data, err = replaceNames(e.Data, named); err != nil {
			return err
		}
	}
	return nil
}

// replaceNames returns data with the names of deleted users replaced.
func replaceNames(data []byte, gone map[int64]bool) ([]byte, error) {
	var b []byte
	plain := 0 // where the unchanged part begins
	for _, at := range namedUser.FindAllSubmatchIndex(data, -1) {
		var user models.UserRef
		decoder := json.NewDecoder(bytes.NewReader(data[at[0]:]))
		if err := decoder.Decode(&user); err != nil {
			return nil, err
		}
		if !gone[user.ID] {
			continue
		}
		other, err := json.Marshal(deletedUserRef(user.ID))
		if err != nil {
			return nil, err
		}
		b = append(append(b, data[plain:at[0]]...), other...)
		plain = at[0] + int(decoder.InputOffset())
	}
	if plain == 0 {
		return data, nil
	}
	return append(b, data[plain:]...), nil
}

// deletedUserRef returns what a deleted user is shown as.
func deletedUserRef(id int64) models.UserRef {
	return models.UserRef{ID: id, Username: strings.Trim(deletedUsername, "'"),
		DisplayName: strings.Trim(deletedDisplayName, "'")}
}
