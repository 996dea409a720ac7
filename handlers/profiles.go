package handlers

import (
	"context"

	"github.com/parley-chat/parley/models"
)

type blockReader interface {
	// BlockedEitherWay returns those of some users who have a block with the caller, in either direction.
	BlockedEitherWay(ctx context.Context, callerID int64, users []int64) (map[int64]bool, error)
}

type onlineReader interface {
	Online(userID int64) bool
}

// profiles fill in what no database knows of a user: whether the user is online. Two users with a block between them do
// not see that of each other.
type profiles struct {
	blocks  blockReader
	streams onlineReader
}

// own completes the caller's own profile.
func (p profiles) own(u models.User) models.User {
	if u.Online = p.streams.Online(u.ID); u.Online {
		u.LastSeenAt = models.Time{} // it is that of an earlier stream
	}
	return u
}

// complete completes the profiles of users as far as the caller may see them. It reads the blocks, which can fail after
// a change has been committed. The client then gets the error, although the change is done: only handlers of GET and
// PUT call this, and a client may repeat a PUT, which sets what is set already and returns the profile. A success
// without the profile would show the client a user who is offline.
func (p profiles) complete(ctx context.Context, callerID int64, users ...*models.User) error {
	blocked, err := p.blocked(ctx, callerID, users)
	if err != nil {
		return err
	}
	for _, u := range users {
		if blocked[u.ID] {
			u.Online, u.LastSeenAt = false, models.Time{}
		} else {
			*u = p.own(*u)
		}
	}
	return nil
}

func (p profiles) blocked(ctx context.Context, callerID int64, users []*models.User) (map[int64]bool, error) {
	ids := make([]int64, 0, len(users))
	for _, u := range users {
		if u.ID != callerID && u.ID != 0 {
			ids = append(ids, u.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return p.blocks.BlockedEitherWay(ctx, callerID, ids)
}

// completeContacts completes a page of contacts, or of blocked users.
func (p profiles) completeContacts(
	ctx context.Context, callerID int64, list models.Page[models.Contact],
) (models.Page[models.Contact], error) {
	users := make([]*models.User, len(list.Items))
	for i := range list.Items {
		users[i] = &list.Items[i].User
	}
	return list, p.complete(ctx, callerID, users...)
}
