package store

import (
	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

func (sqliteDialect) lockPosts(tx *gorm.DB, roomIDs []int64, posts []posting) (map[int64]*roomRow, map[posting]models.UserRef, error) {
	pool, ctx := tx.Statement.ConnPool, tx.Statement.Context
	rooms := make(map[int64]*roomRow, len(roomIDs))
	for _, id := range roomIDs {
		r := roomRow{ID: id}
		rows, err := pool.QueryContext(ctx, `SELECT subject, direct_key, message_count, last_message_id, last_message_at,
			cleared_id FROM rooms WHERE id = ?`, id)
		if err != nil {
			return nil, nil, err
		}
		if err := scanRows(rows, func() { rooms[id] = &r },
			&r.Subject, &r.DirectKey, &r.MessageCount, &r.LastMessageID, &r.LastMessageAt, &r.ClearedID); err != nil {
			return nil, nil, err
		}
	}
	senders := make(map[posting]models.UserRef, len(posts))
	for _, p := range posts {
		u := models.UserRef{ID: p.userID}
		rows, err := pool.QueryContext(ctx, `SELECT u.username, u.display_name FROM memberships m
			JOIN users u ON u.id = m.user_id WHERE m.room_id = ? AND m.user_id = ?`, p.roomID, p.userID)
		if err != nil {
			return nil, nil, err
		}
		if err := scanRows(rows, func() { senders[p] = u }, &u.Username, &u.DisplayName); err != nil {
			return nil, nil, err
		}
	}
	return rooms, senders, nil
}

func (sqliteDialect) insertMessages(tx *gorm.DB, sends []*send) error {
	for _, p := range sends {
		m := p.message
		_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, `INSERT INTO messages
			(room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			m.RoomID, m.ID, m.Sender.ID, string(m.Type), m.Text, m.ReplyTo, m.ClientID, m.CreatedAt.Millis(), p.found.start)
		if err != nil {
			return err
		}
		if err := insertWords(tx, m.RoomID, m.ID, p.found.words); err != nil {
			return err
		}
	}
	return nil
}

func (sqliteDialect) updateRooms(tx *gorm.DB, rooms []*roomRow) error {
	for _, r := range rooms {
		_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, `UPDATE rooms SET message_count = ?,
			last_message_id = ?, last_message_at = ?, active_at = ?, updated_at = ? WHERE id = ?`,
			r.MessageCount, r.LastMessageID, r.LastMessageAt, r.LastMessageAt, r.LastMessageAt, r.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

func (sqliteDialect) addSeen(tx *gorm.DB, sent map[posting]int64) error {
	for p, n := range sent {
		_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context,
			"UPDATE memberships SET seen_count = seen_count + ? WHERE room_id = ? AND user_id = ?", n, p.roomID, p.userID)
		if err != nil {
			return err
		}
	}
	return nil
}

func (sqliteDialect) insertEvents(tx *gorm.DB, entries []models.LogEntry, now int64) error {
	for _, e := range entries {
		a := e.Audience
		_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, `INSERT INTO events
			(position, name, everyone, room_id, user_id, peer_id, session_id, data, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			e.Position, string(e.Name), a.Everyone, a.RoomID, a.UserID, a.PeerID, a.SessionID, string(e.Data), now)
		if err != nil {
			return err
		}
	}
	return nil
}
