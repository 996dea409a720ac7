package store

import (
	"context"

	"github.com/parley-chat/parley/models"
)

// Rooms lists the caller's rooms, the one with the newest activity first.
func (s *Store) Rooms(ctx context.Context, callerID int64, q models.RoomsQuery) (models.Page[models.Room], error) {
	db := s.read(ctx)
	query := db.Table("memberships m").
		Select(roomColumns+`, m.role, m.joined_at, m.last_read_id, m.seen_count, m.muted`).
		Joins("JOIN rooms r ON r.id = m.room_id").Where("m.user_id = ?", callerID)
	if q.Subject != "" {
		query = query.Where("r.subject = ?", q.Subject)
	}
	if !q.Since.IsZero() {
		query = query.Where("r.updated_at >= ?", q.Since.Millis())
	}
	if q.Unread {
		query = query.Where("r.message_count > m.seen_count")
	}
	if q.Cursor != "" {
		at, id, err := intCursor(q.Cursor)
		if err != nil {
			return models.Page[models.Room]{}, err
		}
		query = query.Where("(r.active_at, r.id) < (?, ?)", at, id)
	}
	var rows []access
	err := query.Order("r.active_at DESC, r.id DESC").Limit(q.Limit + 1).Scan(&rows).Error
	if err != nil {
		return models.Page[models.Room]{}, err
	}
	page := pageOf(rows, q.Limit, access.model, func(a access) string { return intCursorOf(a.Room.ActiveAt, a.Room.ID) })
	return page, addUsers(db, page.Items)
}
