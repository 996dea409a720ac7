package store

import (
	"context"

	"github.com/parley-chat/parley/models"
)

// Head is the place of the newest event. Whatever is read after Head has all that the log tells up to it.
func (s *Store) Head(ctx context.Context) (models.Cursor, error) {
	if s.memory != nil {
		return s.at(s.head.Load()), nil
	}
	head, _, err := s.heads.ask(ctx, struct{}{})
	return s.at(head), err
}

func (s *Store) loadHead(ctx context.Context, asked []struct{}) (map[struct{}]int64, error) {
	head, _, err := s.Bounds(ctx)
	return map[struct{}]int64{asked[0]: head}, err
}

// moveHead notes a commit of this process's, before anybody is told of it. Commits may be noted in either order.
func (s *Store) moveHead(position int64) {
	for {
		head := s.head.Load()
		if position <= head || s.head.CompareAndSwap(head, position) {
			return
		}
	}
}

// Bounds are the position of the newest event, and that of the newest one which is no longer kept.
func (s *Store) Bounds(ctx context.Context) (head, pruned int64, err error) {
	var row struct{ Position, Pruned int64 }
	rows, err := s.query(ctx, "SELECT position, pruned FROM event_head WHERE id = 1")
	if err == nil {
		err = judged(s.reader, scanRows(rows, func() {}, &row.Position, &row.Pruned))
	}
	return row.Position, row.Pruned, err
}

// Entries reads up to limit events after a position, in order, as log_entries.go says.
func (s *Store) Entries(ctx context.Context, after int64, limit int) ([]models.LogEntry, error) {
	return readEntries(s.read(ctx), entriesQuery+" WHERE e.position > $1 ORDER BY e.position LIMIT $2 + 0", after, limit)
}

// EntriesFor reads up to limit events after one position and up to another that user may be meant by, in order, as
// log_entries.go says. It may return some of rooms at a time when the user was not in them: a View tells which.
func (s *Store) EntriesFor(ctx context.Context, userID, after, upTo int64, limit int) ([]models.LogEntry, error) {
	return readEntries(s.read(ctx), entriesQuery+` WHERE e.position > $1 AND e.position <= $2
		AND (e.everyone OR e.user_id = $3 OR e.peer_id = $3 OR e.room_id IN (
			SELECT room_id FROM memberships WHERE user_id = $3 UNION SELECT room_id FROM past_memberships WHERE user_id = $3))
		ORDER BY e.position LIMIT $4 + 0`, after, upTo, userID, limit)
}

// View is what user may see of rooms in the log after a position: the stretches of membership that reach beyond it, and
// the silences as of it.
func (s *Store) View(ctx context.Context, userID, after int64) (models.View, error) {
	v, db := models.View{UserID: userID}, s.read(ctx)
	err := db.Raw(`SELECT m.room_id, r.subject, m.joined_position AS "from", r.deleted_position AS "to"
		FROM memberships m JOIN rooms r ON r.id = m.room_id
		WHERE m.user_id = ? AND (r.deleted_at = 0 OR r.deleted_position > ?)
		UNION ALL SELECT room_id, '', joined_position, left_position FROM past_memberships
		WHERE user_id = ? AND left_position > ?`, userID, after, userID, after).Scan(&v.Spans).Error
	if err != nil {
		return v, err
	}
	var silences []struct{ UserID, RoomID, SenderID int64 }
	err = db.Raw(`SELECT user_id, room_id, sender_id FROM silences
		WHERE user_id = ? AND from_position <= ? AND (to_position = 0 OR to_position > ?)
		UNION ALL SELECT user_id, room_id, sender_id FROM silences
		WHERE sender_id = ? AND sender_id <> 0 AND from_position <= ? AND (to_position = 0 OR to_position > ?)`,
		userID, after, after, userID, after, after).Scan(&silences).Error
	for _, q := range silences {
		switch {
		case q.UserID != userID:
			v.BlockedBy = append(v.BlockedBy, q.UserID)
		case q.RoomID != 0:
			v.Muted = append(v.Muted, q.RoomID)
		default:
			v.Blocked = append(v.Blocked, q.SenderID)
		}
	}
	return v, err
}
