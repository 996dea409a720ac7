package store

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// visibilityKey is what a visibility snapshot is asked for: a user, and the position that it is of.
type visibilityKey struct{ userID, after int64 }

// Visibility returns what a user may see of rooms in the log after a position: the periods of membership that reach
// beyond it, and the mutes and blocks as of it. Those who ask at the same time share one query, which begins after they
// have asked. The result is shared too, and not to be changed.
func (s *Store) Visibility(ctx context.Context, userID, after int64) (models.Visibility, error) {
	v, _, err := s.visible.get(ctx, visibilityKey{userID, after})
	return v, err
}

// visibilityKind says what a row of visibilityQuery is about.
type visibilityKind int

const (
	visibleUser visibilityKind = iota
	visibleSpan
	visibleMute    // of a room, or of a sender, by the user
	visibleBlocker // a user who has blocked the user
)

// visibilityRow is a row of visibilityQuery: the user, a period of a membership, or a mute with its own period, whose
// end is 0 while it lasts.
type visibilityRow struct {
	kind           visibilityKind
	userID         int64
	roomID         int64
	otherID        int64 // the user who was blocked, or who has blocked
	from, to       int64
	name, longName string // the subject of a room, or the names of the user
}

// visibilityQuery reads the rows of some users after a position, all of one moment. $IDS is replaced.
const visibilityQuery = `SELECT 0, id, 0, 0, 0, 0, username, display_name FROM users WHERE id IN $IDS AND deleted_at = 0
	UNION ALL SELECT 1, m.user_id, m.room_id, 0, m.joined_position, r.deleted_position, r.subject, ''
	FROM memberships m JOIN rooms r ON r.id = m.room_id
	WHERE m.user_id IN $IDS AND (r.deleted_at = 0 OR r.deleted_position > $1)
	UNION ALL SELECT 1, user_id, room_id, 0, joined_position, left_position, '', ''
	FROM past_memberships WHERE user_id IN $IDS AND left_position > $1
	UNION ALL SELECT 2, user_id, room_id, sender_id, from_position, to_position, '', ''
	FROM silences WHERE user_id IN $IDS AND (to_position = 0 OR to_position > $1)
	UNION ALL SELECT 3, sender_id, 0, user_id, from_position, to_position, '', ''
	FROM silences WHERE sender_id IN $IDS AND sender_id <> 0 AND (to_position = 0 OR to_position > $1)`

// loadVisibility reads the snapshots of all keys with one statement, from the lowest position on, and takes of the rows
// what each of them needs.
func (s *Store) loadVisibility(
	ctx context.Context, keys []visibilityKey,
) (map[visibilityKey]models.Visibility, error) {
	rows := map[int64][]visibilityRow{}
	lowest := keys[0].after
	for _, k := range keys {
		rows[k.userID], lowest = nil, min(lowest, k.after)
	}
	db := s.read(ctx)
	in, ids := database.NumberedIDList(db, "$2", slices.Collect(maps.Keys(rows)))
	statement := strings.ReplaceAll(visibilityQuery, "$IDS", in)
	var r visibilityRow
	err := database.Query(db, statement, lowest, ids).Each(func() { rows[r.userID] = append(rows[r.userID], r) },
		&r.kind, &r.userID, &r.roomID, &r.otherID, &r.from, &r.to, &r.name, &r.longName)
	if err != nil {
		return nil, err
	}
	found := make(map[visibilityKey]models.Visibility, len(keys))
	for _, k := range keys {
		if _, done := found[k]; !done {
			found[k] = newVisibility(k, rows[k.userID])
		}
	}
	return found, nil
}

// newVisibility makes a snapshot of the rows of a user, which may reach further back.
func newVisibility(k visibilityKey, rows []visibilityRow) models.Visibility {
	v := models.Visibility{UserID: k.userID}
	for _, r := range rows {
		over := r.to != 0 && r.to <= k.after
		switch {
		case r.kind == visibleUser:
			v.User = models.UserRef{ID: r.userID, Username: r.name, DisplayName: r.longName}
		case over:
		case r.kind == visibleSpan:
			v.Spans = append(v.Spans, models.Span{RoomID: r.roomID, Subject: r.name, From: r.from, To: r.to})
		default:
			if r.from <= k.after {
				r.addTo(&v.Mutes)
			}
			if r.to == 0 {
				r.addTo(&v.Now)
			}
		}
	}
	return v
}

// addTo adds a mute.
func (r visibilityRow) addTo(m *models.Mutes) {
	switch {
	case r.kind == visibleBlocker:
		m.BlockedBy = append(m.BlockedBy, r.otherID)
	case r.roomID != 0:
		m.Muted = append(m.Muted, r.roomID)
	default:
		m.Blocked = append(m.Blocked, r.otherID)
	}
}
