package store

import (
	"context"

	"github.com/parley-chat/parley/models"
)

// Writer is the room that path names and the caller's names, for a caller who may write there now.
func (s *Store) Writer(ctx context.Context, callerID int64, path models.RoomPath) (models.Room, models.UserRef, error) {
	db := s.read(ctx)
	a, err := asMember(db, path, callerID)
	if err == nil {
		err = refuseClosed(db, a.Room)
	}
	if err != nil {
		return models.Room{}, models.UserRef{}, err
	}
	user, err := findUser(db, models.UserPath{ID: callerID})
	return a.model(), user.model().Ref(), err
}
