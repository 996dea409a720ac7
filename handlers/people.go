package handlers

import (
	"context"

	"github.com/parley-chat/parley/models"
)

type apartStore interface {
	// Apart are those of some users whom the caller has blocked, or who have blocked the caller.
	Apart(ctx context.Context, callerID int64, users []int64) (map[int64]bool, error)
}

// people says of users what no database knows: who is here now. Of two of whom one has blocked the other, neither is told of
// the other.
type people struct {
	store   apartStore
	streams Streams
}

// own is the caller's own profile.
func (p people) own(u models.User) models.User {
	if u.Online = p.streams.Online(u.ID); u.Online {
		u.LastSeenAt = models.Time{} // of an earlier stream
	}
	return u
}

// see fills in who of some users is here, as far as the caller may know.
func (p people) see(ctx context.Context, callerID int64, users ...*models.User) error {
	apart, err := p.apart(ctx, callerID, users)
	if err != nil {
		return err
	}
	for _, u := range users {
		if apart[u.ID] {
			u.Online, u.LastSeenAt = false, models.Time{}
		} else {
			*u = p.own(*u)
		}
	}
	return nil
}

func (p people) apart(ctx context.Context, callerID int64, users []*models.User) (map[int64]bool, error) {
	ids := make([]int64, 0, len(users))
	for _, u := range users {
		if u.ID != callerID && u.ID != 0 {
			ids = append(ids, u.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return p.store.Apart(ctx, callerID, ids)
}

// listed is see for a page of contacts, or of who is blocked.
func (p people) listed(ctx context.Context, callerID int64, list models.Page[models.Contact]) (models.Page[models.Contact], error) {
	users := make([]*models.User, len(list.Items))
	for i := range list.Items {
		users[i] = &list.Items[i].User
	}
	return list, p.see(ctx, callerID, users...)
}
