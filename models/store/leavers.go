package store

import "github.com/parley-chat/parley/models"

// rememberLeaver keeps that a user has left a private room by themselves, with the event told last. From then on nobody puts
// them back: they come with an invite that was made later. Into a public room they may come by themselves anyway.
func (c *change) rememberLeaver(row roomRow, userID int64) {
	if row.Kind != string(models.RoomPrivate) {
		return
	}
	c.whenPlaced(func(position int64) error {
		// None of a room that has gone with its last member.
		return c.Exec(`INSERT INTO leavers (room_id, user_id, left_position) SELECT id, ?, ? FROM rooms WHERE id = ?
			ON CONFLICT (room_id, user_id) DO UPDATE SET left_position = excluded.left_position`, userID, position, row.ID).Error
	})
}

// leftAt is the position of the event by which a user left a private room by themselves, 0 for one who did not, or who has
// come back since.
func (c *change) leftAt(roomID, userID int64) (position int64, err error) {
	err = c.Raw("SELECT left_position FROM leavers WHERE room_id = ? AND user_id = ?", roomID, userID).Scan(&position).Error
	return position, err
}

// forgetLeaver lets a user who has come back be a member like any other.
func (c *change) forgetLeaver(roomID, userID int64) error {
	return c.Exec("DELETE FROM leavers WHERE room_id = ? AND user_id = ?", roomID, userID).Error
}
