package store

import (
	"context"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// Users finds users by the start of their username, in the order of the usernames.
func (s *Store) Users(ctx context.Context, q models.UserSearch) (models.Page[models.User], error) {
	from, to := startRange(models.NameStart(q.Prefix))
	query := s.read(ctx).Where("deleted_at = 0 AND username_key >= ? AND username_key < ?", from, to)
	if q.Cursor != "" {
		_, after, err := timeCursor(q.Cursor)
		if err != nil {
			return models.Page[models.User]{}, err
		}
		query = query.Where("username_key > ?", after)
	}
	var rows []userRow
	if err := query.Order("username_key").Limit(q.Limit + 1).Find(&rows).Error; err != nil {
		return models.Page[models.User]{}, err
	}
	return pageOf(rows, q.Limit, userRow.model, func(r userRow) string { return cursorOf(0, r.UsernameKey) }), nil
}

// The list of found rooms has two parts, each in an order that an index has: first those whose handle starts so, by
// handle, then those of whom only the name does, by name.
const (
	partHandles int64 = iota
	partNames
)

// foundRoom is a room and where in the list it stands.
type foundRoom struct {
	Access access `gorm:"embedded"`
	Part   int64
	Key    string
}

func (r foundRoom) model() models.Room { return r.Access.model() }

func (r foundRoom) cursor() string {
	return cursorOf(r.Part, strconv.FormatInt(r.Access.Room.ID, 10)+":"+r.Key)
}

// SearchRooms finds public rooms by the start of their handle or name. A room that the caller is banned from is none.
func (s *Store) SearchRooms(ctx context.Context, callerID int64, q models.RoomSearch) (models.Page[models.Room], error) {
	search := roomSearch{db: s.read(ctx), callerID: callerID, subject: q.Subject, limit: q.Limit + 1}
	if q.Prefix != nil {
		search.handle, search.name = models.NameStart(*q.Prefix), foldCase(*q.Prefix)
	}
	after, err := roomCursor(q.Cursor)
	if err != nil {
		return models.Page[models.Room]{}, err
	}
	var rows []foundRoom
	if after.Part == partHandles {
		if rows, err = search.handles(after.Key); err != nil {
			return models.Page[models.Room]{}, err
		}
		after = foundRoom{}
	}
	if search.limit -= len(rows); search.limit > 0 {
		named, err := search.names(after.Key, after.Access.Room.ID)
		if err != nil {
			return models.Page[models.Room]{}, err
		}
		rows = append(rows, named...)
	}
	return pageOf(rows, q.Limit, foundRoom.model, foundRoom.cursor), nil
}

func roomCursor(cursor string) (after foundRoom, err error) {
	if cursor == "" {
		return after, nil
	}
	var place string
	if after.Part, place, err = timeCursor(cursor); err != nil {
		return after, err
	}
	id, key, cut := strings.Cut(place, ":")
	after.Key = key
	if after.Access.Room.ID, err = strconv.ParseInt(id, 10, 64); err != nil || !cut || after.Part != partHandles && after.Part != partNames {
		return after, models.Invalid("cursor", "is not a cursor of this list")
	}
	return after, nil
}

// roomSearch reads the parts of the list. An empty start of a handle or a name is that of all.
type roomSearch struct {
	db           *gorm.DB
	callerID     int64
	handle, name string
	subject      string
	limit        int
}

var foundRooms = "SELECT " + roomColumns + `, COALESCE(m.role, '') AS role, COALESCE(m.joined_at, 0) AS joined_at,
	COALESCE(m.last_read_id, 0) AS last_read_id, ` + unreadCount + ` AS unread_count,
	COALESCE(m.muted, false) AS muted, COALESCE(%s, '') AS key
	FROM ` + liveRooms + ` r LEFT JOIN memberships m ON m.room_id = r.id AND m.user_id = ? WHERE r.kind = 'public'
	AND (m.user_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM bans b
		WHERE b.room_id = r.id AND b.user_id = ? AND (b.until = 0 OR b.until > ?)))`

func (s roomSearch) handles(after string) ([]foundRoom, error) {
	from, to := startRange(s.handle)
	return s.rooms(partHandles, "r.handle_key", " AND r.handle_key >= ? AND r.handle_key < ? AND r.handle_key > ? ORDER BY r.handle_key",
		from, to, after)
}

func (s roomSearch) names(after string, afterID int64) ([]foundRoom, error) {
	from, to := startRange(s.name)
	fromHandle, toHandle := startRange(s.handle)
	return s.rooms(partNames, "r.name_key", ` AND r.name_key >= ? AND r.name_key < ? AND (r.name_key, r.id) > (?, ?)
		AND (r.handle_key IS NULL OR r.handle_key < ? OR r.handle_key >= ?) ORDER BY r.name_key, r.id`,
		from, to, after, afterID, fromHandle, toHandle)
}

func (s roomSearch) rooms(part int64, key, where string, args ...any) ([]foundRoom, error) {
	query := strings.Replace(foundRooms, "%s", key, 1)
	all := []any{s.callerID, s.callerID, models.Now().Millis()}
	if s.subject != "" {
		query += " AND r.subject = ? AND r.subject <> ''"
		all = append(all, s.subject)
	}
	var rows []foundRoom
	err := s.db.Raw(query+where+" LIMIT ?", append(append(all, args...), s.limit)...).Scan(&rows).Error
	for i := range rows {
		rows[i].Part = part
	}
	return rows, err
}
