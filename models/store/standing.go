package store

import (
	"context"

	"github.com/parley-chat/parley/models"
)

// standing is what the caller is in the room that path names; only a member is anything.
func (s *Store) standing(ctx context.Context, callerID int64, path models.RoomPath) (roomID int64, st standing, err error) {
	known := false
	if path.Key == "" {
		roomID = path.ID
		st, known, err = s.standingIn(ctx, posting{roomID, callerID})
	}
	if known || err != nil {
		return roomID, st, err
	}
	// Why not, or the room by its handle.
	a, err := asMember(s.read(ctx), path, callerID)
	if err != nil {
		return 0, st, err
	}
	roomID = a.Room.ID
	if st, known, err = s.standingIn(ctx, posting{roomID, callerID}); err == nil && !known {
		err = models.NotFound() // gone meanwhile
	}
	return roomID, st, err
}

func (s *Store) standingIn(ctx context.Context, p posting) (st standing, known bool, err error) {
	if s.memory == nil {
		return s.standings.ask(ctx, p)
	}
	st, known, since := recall(s.memory, s.memory.standings, p)
	if known {
		return st, true, nil
	}
	found, err := s.loadStandings(ctx, []posting{p})
	if st, known = found[p]; known {
		remember(s.memory, s.memory.standings, p, st, since)
	}
	return st, known, err
}

func (s *Store) loadStandings(ctx context.Context, asked []posting) (map[posting]standing, error) {
	found := make(map[posting]standing, len(asked))
	err := s.dialect.standings(ctx, s.reader, asked, found)
	return found, judged(s.reader, err)
}
