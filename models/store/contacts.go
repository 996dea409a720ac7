package store

import (
	"context"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// AddContact adds a user to the caller's contacts. It does nothing for a user who is one.
func (s *Store) AddContact(
	ctx context.Context, callerID int64, user models.UserPath,
) (models.Contact, models.Cursor, error) {
	var contact models.Contact
	at, err := s.write(ctx, func(tx *transaction) error {
		owner, other, err := tx.findPair(callerID, user, "nobody can be their own contact")
		if err != nil {
			return err
		}
		if err := tx.refuseBlocked(callerID, other.ID); err != nil {
			return err
		}
		added, err := database.ExecRows(tx.DB, `INSERT INTO contacts (user_id, contact_id, added_at) VALUES (?, ?, ?)
			ON CONFLICT (user_id, contact_id) DO NOTHING`, callerID, other.ID, models.Now().Millis())
		if err != nil {
			return err
		}
		if contact, err = tx.listEntry(contactQuery, callerID, other.ID); err != nil || added == 0 {
			return err
		}
		if err := tx.limitContacts(callerID); err != nil {
			return err
		}
		return tx.appendContactEvent(models.EventContactAdded, owner, other)
	})
	return contact, at, err
}

// RemoveContact removes a user from the caller's contacts. It does nothing for a user who is not one, or who is gone.
func (s *Store) RemoveContact(ctx context.Context, callerID int64, user models.UserPath) (models.Cursor, error) {
	return s.write(ctx, func(tx *transaction) error {
		owner, err := findUser(tx.DB, models.UserPath{ID: callerID})
		if err != nil {
			return err
		}
		other, err := findUser(tx.DB, user)
		if err != nil {
			return unlessNotFound(err)
		}
		removed, err := database.ExecRows(tx.DB,
			"DELETE FROM contacts WHERE user_id = ? AND contact_id = ?", callerID, other.ID)
		if err != nil || removed == 0 {
			return err
		}
		return tx.appendContactEvent(models.EventContactRemoved, owner, other)
	})
}

// findPair returns the caller and a user that they add to one of their lists; why is the error for the caller's own id.
func (tx *transaction) findPair(callerID int64, user models.UserPath, why string) (caller, other userRow, err error) {
	if caller, err = findUser(tx.DB, models.UserPath{ID: callerID}); err != nil {
		return caller, other, err
	}
	if other, err = findUser(tx.DB, user); err == nil && other.ID == callerID {
		err = models.Invalid("user", "%s", why)
	}
	return caller, other, err
}

// appendContactEvent appends an event for both of them, or, with a block between them, for the owner of the list alone.
func (tx *transaction) appendContactEvent(name models.EventName, owner, other userRow) error {
	to := models.Audience{UserID: owner.ID, PeerID: other.ID}
	closed, err := blockedKeys(tx.DB, []string{directKey(owner.ID, other.ID)})
	if err != nil {
		return err
	}
	if len(closed) > 0 {
		to.PeerID = 0
	}
	return tx.appendEvent(name, to, models.ContactEvent{Owner: owner.model().Ref(), User: other.model().Ref()})
}

// listedRow is an entry of a list of contacts or blocks.
type listedRow struct {
	User    userRow `gorm:"embedded"`
	AddedAt int64
}

func (r listedRow) model() models.Contact {
	return models.Contact{User: r.User.model(), AddedAt: models.FromMillis(r.AddedAt)}
}

var contactQuery = `SELECT ` + userColumns + `, l.added_at FROM contacts l JOIN ` + liveUsers + ` u ON u.id =
	l.contact_id WHERE l.user_id = ?`

// Contacts lists the caller's contacts, in the order of the users' ids.
func (s *Store) Contacts(ctx context.Context, callerID int64, page models.Paging) (models.Page[models.Contact], error) {
	return s.listedPage(ctx, contactQuery, list{listContacts, callerID}, page)
}

// listedPage returns a page of contacts or blocks. An entry that is removed and added again keeps its place.
func (s *Store) listedPage(
	ctx context.Context, query string, of list, page models.Paging,
) (models.Page[models.Contact], error) {
	after, _, err := of.after(page.Cursor)
	if err != nil {
		return models.Page[models.Contact]{}, err
	}
	var rows []listedRow
	err = database.Scan(s.read(ctx), &rows, query+" AND u.id > ? ORDER BY u.id LIMIT ?", of.owner, after.id, page.Limit+1)
	if err != nil {
		return models.Page[models.Contact]{}, err
	}
	return pageOf(rows, page.Limit, listedRow.model, func(r listedRow) cursor { return cursor{list: of, id: r.User.ID} }),
		nil
}

// listEntry returns one entry of a list.
func (tx *transaction) listEntry(query string, callerID, otherID int64) (models.Contact, error) {
	var row listedRow
	err := database.Scan(tx.DB, &row, query+" AND u.id = ?", callerID, otherID)
	return row.model(), err
}

// limitContacts is an error for a user with more contacts than the limit.
func (tx *transaction) limitContacts(userID int64) error {
	return tx.refuseAbove(models.MaxContactsPerUser, "You have %d contacts, which is as many as one may have.",
		"contacts", "user_id = ?", userID)
}
