package store

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/models"
)

// Rooms lists the caller's rooms, the one with the newest activity first.
func (s *Store) Rooms(ctx context.Context, callerID int64, q models.RoomsQuery) (models.Page[models.Room], error) {
	text, args := roomsQuery+" WHERE m.user_id = $1 AND m.left_at = 0", []any{callerID}
	bind := func(condition string, values ...any) {
		marks := make([]any, len(values))
		for i, v := range values {
			args = append(args, v)
			marks[i] = len(args)
		}
		text += fmt.Sprintf(condition, marks...)
	}
	if q.Subject != "" {
		bind(" AND r.subject = $%d", q.Subject)
	}
	if !q.Since.IsZero() {
		bind(" AND r.updated_at >= $%d", q.Since.Millis())
	}
	if q.Unread {
		text += " AND " + unreadCount + " > 0"
	}
	if q.Cursor != "" {
		at, id, err := intCursor(q.Cursor)
		if err != nil {
			return models.Page[models.Room]{}, err
		}
		bind(" AND (r.active_at, r.id) < ($%d, $%d)", at, id)
	}
	bind(" ORDER BY r.active_at DESC, r.id DESC LIMIT $%d + 0", q.Limit+1)
	return s.roomPage(ctx, q.Limit, text, args)
}

var roomsQuery = "SELECT " + roomColumns + `, m.role, m.joined_at, m.last_read_id, ` + unreadCount + `, m.muted
	FROM memberships m JOIN ` + liveRooms + ` r ON r.id = m.room_id`

func (s *Store) roomPage(ctx context.Context, limit int, text string, args []any) (models.Page[models.Room], error) {
	page := models.Page[models.Room]{Items: make([]models.Room, 0, limit)}
	db := s.read(ctx)
	rows, err := queryIn(db, text, args...)
	if err != nil {
		return page, err
	}
	var a, last access
	err = scanRows(rows, func() {
		if len(page.Items) == limit { // the one too many only says that there is another page
			page.NextCursor = intCursorOf(last.Room.ActiveAt, last.Room.ID)
			return
		}
		page.Items = append(page.Items, a.model())
		last = a
	}, append(a.Room.scan(), &a.Role, &a.JoinedAt, &a.LastReadID, &a.UnreadCount, &a.Muted)...)
	if err != nil {
		return page, judged(db, err)
	}
	return page, addUsers(db, page.Items)
}
