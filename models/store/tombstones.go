package store

import "github.com/parley-chat/parley/models"

// bury turns messages of one sender, in the order of their ids, into tombstones. They are not deleted yet and not
// cleared away, and the room is locked. by is whom pin.removed names.
func (c *change) bury(roomID, senderID int64, ids []int64, by models.UserRef) error {
	if err := c.strip(roomID, ids, by); err != nil {
		return err
	}
	if err := c.blank(roomID, ids); err != nil {
		return err
	}
	err := c.countDeleted(roomID, senderID, ids, models.Now().Millis())
	for _, id := range ids {
		if err == nil {
			err = c.tell(models.EventMessageDeleted, models.Audience{RoomID: roomID},
				models.MessageRef{RoomID: roomID, MessageID: id})
		}
	}
	return err
}

// blank takes the text away. A message that is deleted so and not buried is one that nobody can see.
func (c *change) blank(roomID int64, ids []int64) error {
	return c.Exec("UPDATE messages SET text = '', deleted_at = ? WHERE room_id = ? AND id IN ?",
		models.Now().Millis(), roomID, ids).Error
}

// strip removes the pins of messages, and tells of it, and their files and reactions, which go without a word: the event of the
// deletion says it all.
func (c *change) strip(roomID int64, ids []int64, by models.UserRef) error {
	var pinned []int64
	err := c.Raw("SELECT message_id FROM pins WHERE room_id = ? AND message_id IN ? ORDER BY message_id", roomID, ids).
		Scan(&pinned).Error
	for _, id := range pinned {
		if err == nil {
			err = c.unpin(roomID, id, by)
		}
	}
	if err != nil {
		return err
	}
	if err := c.doom("room_id = ? AND message_id IN ?", roomID, ids); err != nil {
		return err
	}
	return c.dropReactions(roomID, ids)
}
