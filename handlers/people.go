package handlers

import "github.com/parley-chat/parley/models"

// people says of users what no database knows: who is here now.
type people struct{ streams Streams }

func (p people) seen(u models.User) models.User {
	if u.Online = p.streams.Online(u.ID); u.Online {
		u.LastSeenAt = models.Time{} // of an earlier stream
	}
	return u
}

func (p people) listed(list models.Page[models.Contact]) models.Page[models.Contact] {
	for i := range list.Items {
		list.Items[i].User = p.seen(list.Items[i].User)
	}
	return list
}
