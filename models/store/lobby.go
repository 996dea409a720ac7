package store

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// openLobby finds the room that every new account and guest is in, or creates it at the first start: a public room
// without an owner. Of nodes that start at the same time, one creates it.
func (s *Store) openLobby(ctx context.Context, handle string) error {
	if handle == "" {
		return nil
	}
	row := roomRow{Kind: string(models.RoomPublic)}
	setHandle(&row, handle)
	if row.HandleKey == nil {
		return fmt.Errorf("%q cannot be a room's handle", handle)
	}
	_, err := s.write(ctx, func(tx *transaction) error {
		now := models.Now().Millis()
		made, err := database.Find(tx.DB, &s.lobbyID,
			`INSERT INTO rooms (kind, handle, handle_key, created_at, updated_at, active_at) VALUES (?, ?, ?, ?,
			?, ?)
			ON CONFLICT (handle_key) DO NOTHING RETURNING id`, row.Kind, row.Handle, *row.HandleKey, now, now, now)
		if err != nil {
			return err
		}
		var found roomRow
		if err := database.Scan(tx.DB, &found,
			"SELECT "+allRoomColumns+" FROM "+liveRooms+" r WHERE handle_key = ?", *row.HandleKey); err != nil {
			return err
		}
		s.lobbyID = found.ID
		if found.Kind != row.Kind {
			return fmt.Errorf("#%s is a private room", found.Handle)
		}
		if !made {
			return nil
		}
		return tx.appendEvent(models.EventRoomCreated, found.audience(0), found.model())
	})
	return err
}

// lockLobby locks the lobby and reads it. Because of the order of locks it comes before the creation of the user who is
// added to it. The row's id is 0 where there is no lobby, or it was deleted.
func (tx *transaction) lockLobby() (row roomRow, err error) {
	if tx.store.lobbyID == 0 {
		return row, nil
	}
	if err := tx.lockRoom(models.RoomPath{ID: tx.store.lobbyID}); err != nil {
		return row, err
	}
	err = database.Scan(tx.DB, &row, "SELECT "+allRoomColumns+" FROM "+liveRooms+" r WHERE id = ?", tx.store.lobbyID)
	return row, err
}

// addToLobby adds a new user to the locked lobby.
func (tx *transaction) addToLobby(lobby roomRow, user models.User) error {
	if lobby.ID == 0 {
		return nil
	}
	return tx.addMemberAndNotify(lobby, user, models.RoleMember)
}
