package store

import (
	"context"
	"maps"
	"slices"

	"github.com/parley-chat/parley/models"
)

// Acquaintances are the users who are told when this one comes online or goes: those who have them as a contact, and
// those who share a room with them that has no more than roomLimit members; nobody of whom one has blocked the other, and
// nobody for the sake of a direct room that they have left.
func (s *Store) Acquaintances(ctx context.Context, userID int64, roomLimit int) ([]int64, error) {
	var users []int64
	err := s.read(ctx).Raw(`SELECT u.id FROM `+liveUsers+` u WHERE u.id IN (SELECT user_id FROM contacts WHERE contact_id = ?
		UNION SELECT o.user_id FROM memberships m JOIN `+liveRooms+` r ON r.id = m.room_id AND r.member_count <= ?
		JOIN memberships o ON o.room_id = m.room_id AND o.user_id <> m.user_id AND o.left_at = 0
		WHERE m.user_id = ?) AND NOT `+apart("u.id", "CAST(? AS BIGINT)"), userID, roomLimit, userID, userID, userID).Scan(&users).Error
	return users, err
}

// Seen notes when users were last online. No event tells of it: streams are told by the push side, which knows.
func (s *Store) Seen(ctx context.Context, at map[int64]models.Time) error {
	users := slices.Sorted(maps.Keys(at)) // in one order, so that two nodes do not wait for each other crosswise
	for some := range slices.Chunk(users, batchRows) {
		_, err := s.change(ctx, func(c *change) error {
			for _, id := range some {
				if err := c.Exec("UPDATE users SET last_seen_at = ? WHERE id = ?", at[id].Millis(), id).Error; err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
