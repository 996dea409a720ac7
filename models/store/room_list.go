package store

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/models"
)

// Rooms lists the caller's rooms, the one with the newest activity first, in the order as of when the list began.
func (s *Store) Rooms(ctx context.Context, callerID int64, q models.RoomsQuery) (models.Page[models.Room], error) {
	of := list{listRooms, callerID}
	after, goesOn, err := of.after(q.Cursor)
	if err != nil {
		return models.Page[models.Room]{}, err
	}
	text, args := firstRooms, []any{callerID}
	if goesOn {
		head, err := s.Head(ctx)
		if err != nil {
			return models.Page[models.Room]{}, err
		}
		text, args = moreRooms, append(args, max(after.begun, head.Position-activityReach))
	}
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
	if goesOn {
		bind(" AND ("+activeThen+", r.id) < ($%d, $%d)", after.at, after.id)
	}
	bind(" ORDER BY listed_at DESC, r.id DESC LIMIT $%d + 0", q.Limit+1)
	return s.roomPage(ctx, q.Limit, of, listedRooms+text+listedEnd, args)
}

// The first page of the list and the others, with the caller and the position at which the list began. The first page
// reads the log's head in the same statement as the rooms, so both are of the same moment.
var (
	firstRooms = roomsQuery("r.active_at", "(SELECT position FROM event_head WHERE id = 1)")
	moreRooms  = roomsQuery(activeThen, "CAST($2 AS BIGINT)")
	activeThen = activeAsOf("CAST($2 AS BIGINT)")
)

// listedRooms and listedEnd enclose the query for a page's rooms: unread messages are counted for the rooms of the page
// alone.
var listedRooms = "SELECT " + roomColumns + ", m.role, m.joined_at, m.last_read_id, " + unreadCount +
	", m.muted, listed.listed_at, listed.begun FROM ("

const listedEnd = `) listed JOIN rooms r ON r.id = listed.room_id
	JOIN memberships m ON m.room_id = r.id AND m.user_id = $1 ORDER BY listed.listed_at DESC, r.id DESC`

func roomsQuery(order, begun string) string {
	return "SELECT r.id AS room_id, " + order + " AS listed_at, " + begun + ` AS begun
	FROM memberships m JOIN ` + liveRooms + ` r ON r.id = m.room_id WHERE m.user_id = $1 AND m.left_at = 0`
}

func (s *Store) roomPage(
	ctx context.Context, limit int, of list, text string, args []any,
) (models.Page[models.Room], error) {
	page := models.Page[models.Room]{Items: make([]models.Room, 0, limit)}
	db := s.read(ctx)
	var a access
	last, next := cursor{list: of}, cursor{list: of}
	err := s.dialect.ReadPage(db, func() bool {
		if len(page.Items) == limit { // the last row only says that there is another page
			page.NextCursor = last.String()
			return false
		}
		page.Items = append(page.Items, a.model())
		last, last.id = next, a.Room.ID
		return true
	}, append(a.Room.scan(), &a.Role, &a.JoinedAt, &a.LastReadID, &a.UnreadCount, &a.Muted, &next.at, &next.begun),
		text, args...)
	if err != nil {
		return page, err
	}
	return page, addUsers(db, page.Items)
}

// activeAsOf is the SQL for when a room r was active as of a position, which is SQL too.
func activeAsOf(position string) string {
	return `CASE WHEN r.active_position <= ` + position + ` THEN r.active_at ELSE COALESCE((
		WITH RECURSIVE bump (position, prior_position, prior_active_at) AS (
			SELECT e.position, e.prior_position, e.prior_active_at FROM events e WHERE e.position = r.active_position
			UNION ALL SELECT e.position, e.prior_position, e.prior_active_at FROM bump b JOIN events e ON e.position =
			b.prior_position
			WHERE b.prior_position > ` + position + `)
		SELECT bump.prior_active_at FROM bump ORDER BY bump.position LIMIT 1), r.active_at) END`
}
