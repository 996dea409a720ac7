package store

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/models"
)

// openLobby finds the room that every new account and guest is in, or makes it at the first start: a public room that
// nobody owns. Of nodes that start at once, one makes it.
func (s *Store) openLobby(ctx context.Context, handle string) error {
	if handle == "" {
		return nil
	}
	row := roomRow{Kind: string(models.RoomPublic)}
	setHandle(&row, handle)
	if row.HandleKey == nil {
		return fmt.Errorf("%q cannot be a room's handle", handle)
	}
	_, err := s.change(ctx, func(c *change) error {
		now := models.Now().Millis()
		made := c.Raw(`INSERT INTO rooms (kind, handle, handle_key, created_at, updated_at, active_at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (handle_key) DO NOTHING RETURNING id`, row.Kind, row.Handle, *row.HandleKey, now, now, now).Scan(&s.lobbyID)
		if made.Error != nil {
			return made.Error
		}
		var found roomRow
		if err := c.Raw("SELECT "+wholeRoom+" FROM "+liveRooms+" r WHERE handle_key = ?", *row.HandleKey).Scan(&found).Error; err != nil {
			return err
		}
		s.lobbyID = found.ID
		if found.Kind != row.Kind {
			return fmt.Errorf("#%s is a private room", found.Handle)
		}
		if made.RowsAffected == 0 {
			return nil
		}
		return c.tell(models.EventRoomCreated, found.audience(0), found.model())
	})
	return err
}

// lockLobby locks the lobby and reads it. It comes before the making of the user who is to be let in, as the order of
// locks has it. The row's id is 0 where there is no lobby, or it was deleted since.
func (c *change) lockLobby() (row roomRow, err error) {
	if c.store.lobbyID == 0 {
		return row, nil
	}
	if err := c.lock(models.RoomPath{ID: c.store.lobbyID}); err != nil {
		return row, err
	}
	err = c.Raw("SELECT "+wholeRoom+" FROM "+liveRooms+" r WHERE id = ?", c.store.lobbyID).Scan(&row).Error
	return row, err
}

// letIn puts a new user into the locked lobby.
func (c *change) letIn(lobby roomRow, user models.User) error {
	if lobby.ID == 0 {
		return nil
	}
	return c.admit(lobby, user, models.RoleMember)
}
