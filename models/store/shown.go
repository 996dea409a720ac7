package store

import (
	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// show fills in what messages have beside themselves: their files, and their reactions as the caller sees them.
func show(db *gorm.DB, callerID int64, messages []models.Message) error {
	if err := addFiles(db, messages); err != nil {
		return err
	}
	return addReactions(db, callerID, messages)
}

// shownMessage is one message with all that it has.
func shownMessage(db *gorm.DB, callerID int64, m models.Message) (models.Message, error) {
	one := []models.Message{m}
	err := show(db, callerID, one)
	return one[0], err
}

// eachRoom calls fill for each room that messages are of, with the ids of those and where they stand.
func eachRoom(messages []models.Message, fill func(roomID int64, ids []int64, at map[int64]*models.Message) error) error {
	rooms := map[int64]map[int64]*models.Message{}
	ids := map[int64][]int64{}
	for i := range messages {
		m := &messages[i]
		if !m.DeletedAt.IsZero() {
			continue // a tombstone has nothing, though that of a deleted account may have to lose it yet
		}
		if rooms[m.RoomID] == nil {
			rooms[m.RoomID] = map[int64]*models.Message{}
		}
		rooms[m.RoomID][m.ID] = m
		ids[m.RoomID] = append(ids[m.RoomID], m.ID)
	}
	for roomID, at := range rooms {
		if err := fill(roomID, ids[roomID], at); err != nil {
			return err
		}
	}
	return nil
}
