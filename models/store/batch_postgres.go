package store

import (
	"database/sql"
	"errors"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

func (postgresDialect) lockPosts(tx *gorm.DB, roomIDs []int64, posts []posting) (map[int64]*roomRow, map[posting]models.UserRef, error) {
	pool, ctx := tx.Statement.ConnPool, tx.Statement.Context
	rows, err := pool.QueryContext(ctx, `SELECT id, subject, direct_key, message_count, last_message_id, last_message_at,
		cleared_id FROM rooms WHERE id = ANY($1) ORDER BY id FOR UPDATE`, roomIDs)
	if err != nil {
		return nil, nil, err
	}
	rooms := make(map[int64]*roomRow, len(roomIDs))
	r := roomRow{}
	err = scanRows(rows, func() { found := r; rooms[r.ID] = &found },
		&r.ID, &r.Subject, &r.DirectKey, &r.MessageCount, &r.LastMessageID, &r.LastMessageAt, &r.ClearedID)
	if err != nil {
		return nil, nil, err
	}
	inRooms, users := make([]int64, len(posts)), make([]int64, len(posts))
	for i, p := range posts {
		inRooms[i], users[i] = p.roomID, p.userID
	}
	rows, err = pool.QueryContext(ctx, `SELECT m.room_id, m.user_id, u.username, u.display_name
		FROM unnest($1::bigint[], $2::bigint[]) AS p (room_id, user_id)
		JOIN memberships m ON m.room_id = p.room_id AND m.user_id = p.user_id JOIN users u ON u.id = m.user_id`, inRooms, users)
	if err != nil {
		return nil, nil, err
	}
	senders := make(map[posting]models.UserRef, len(posts))
	var roomID int64
	var u models.UserRef
	err = scanRows(rows, func() { senders[posting{roomID, u.ID}] = u }, &roomID, &u.ID, &u.Username, &u.DisplayName)
	return rooms, senders, err
}

func (postgresDialect) insertMessages(tx *gorm.DB, sends []*send) error {
	n := len(sends)
	roomIDs, ids, senders := make([]int64, n), make([]int64, n), make([]int64, n)
	types, texts, clientIDs := make([]string, n), make([]string, n), make([]string, n)
	replies, times := make([]int64, n), make([]int64, n)
	starts, words := make([]string, n), make([]string, n)
	for i, p := range sends {
		m := p.message
		roomIDs[i], ids[i], senders[i] = m.RoomID, m.ID, m.Sender.ID
		types[i], texts[i], clientIDs[i] = string(m.Type), m.Text, m.ClientID
		replies[i], times[i] = m.ReplyTo, m.CreatedAt.Millis()
		starts[i], words[i] = p.found.start, wordList(m.RoomID, p.found.words)
	}
	_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, `INSERT INTO messages
		(room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, words)
		SELECT room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start,
		array_to_tsvector(string_to_array(words, ' ')) FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[],
		$5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::text[])
		AS v (room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, words)`,
		roomIDs, ids, senders, types, texts, replies, clientIDs, times, starts, words)
	return err
}

func (postgresDialect) updateRooms(tx *gorm.DB, rooms []*roomRow) error {
	n := len(rooms)
	ids, counts, lasts, times := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i, r := range rooms {
		ids[i], counts[i], lasts[i], times[i] = r.ID, r.MessageCount, r.LastMessageID, r.LastMessageAt
	}
	_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, `UPDATE rooms r SET message_count = v.count,
		last_message_id = v.last, last_message_at = v.at, active_at = v.at, updated_at = v.at
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS v (id, count, last, at) WHERE r.id = v.id`,
		ids, counts, lasts, times)
	return err
}

func (postgresDialect) addSeen(tx *gorm.DB, sent map[posting]int64) error {
	var rooms, users, counts []int64
	for p, n := range sent {
		rooms, users, counts = append(rooms, p.roomID), append(users, p.userID), append(counts, n)
	}
	_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, `UPDATE memberships m
		SET seen_count = m.seen_count + v.n FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS v (room_id, user_id, n)
		WHERE m.room_id = v.room_id AND m.user_id = v.user_id`, rooms, users, counts)
	return err
}

func (postgresDialect) insertEvents(tx *gorm.DB, entries []models.LogEntry, now int64) error {
	n := len(entries)
	positions, rooms, users, peers := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	names, sessions, data, everyone := make([]string, n), make([]string, n), make([]string, n), make([]bool, n)
	for i, e := range entries {
		a := e.Audience
		positions[i], rooms[i], users[i], peers[i] = e.Position, a.RoomID, a.UserID, a.PeerID
		names[i], sessions[i], data[i], everyone[i] = string(e.Name), a.SessionID, string(e.Data), a.Everyone
	}
	_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, `INSERT INTO events
		(position, name, everyone, room_id, user_id, peer_id, session_id, data, created_at) SELECT v.*, $9::bigint FROM unnest(
		$1::bigint[], $2::text[], $3::boolean[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[]) AS v`,
		positions, names, everyone, rooms, users, peers, sessions, data, now)
	return err
}

// scanRows scans each row into dest, calls got, and closes rows.
func scanRows(rows *sql.Rows, got func(), dest ...any) error {
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return errors.Join(err, rows.Close())
		}
		got()
	}
	return errors.Join(rows.Err(), rows.Close())
}
