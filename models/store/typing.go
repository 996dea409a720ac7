package store

import (
	"context"

	"github.com/parley-chat/parley/models"
)

// Writer is the room that path names and the caller's names, for a caller who may write there now.
func (s *Store) Writer(ctx context.Context, callerID int64, path models.RoomPath) (roomID int64, user models.UserRef, err error) {
	roomID, st, err := s.standing(ctx, callerID, path)
	if err == nil && st.closed {
		err = blockedError()
	}
	return roomID, st.user, err
}

// Member is the room that path names, by its id and subject, and the caller's names, for a caller who is in it.
func (s *Store) Member(ctx context.Context, callerID int64, path models.RoomPath) (models.Room, models.UserRef, error) {
	roomID, st, err := s.standing(ctx, callerID, path)
	return models.Room{ID: roomID, Subject: st.subject}, st.user, err
}

// Readable is the id of the room that path names, for a caller who may read it.
func (s *Store) Readable(ctx context.Context, callerID int64, path models.RoomPath) (roomID int64, err error) {
	if path.Key == "" {
		if _, known, err := s.standingIn(ctx, posting{path.ID, callerID}); known || err != nil {
			return path.ID, err
		}
	}
	a, err := lookAt(s.read(ctx), path, callerID)
	return a.Room.ID, err
}
