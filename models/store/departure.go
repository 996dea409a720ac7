package store

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-chat/parley/models"
)

// deleteWait is how long DeleteAccount goes on with what an account had. Of most accounts nothing is left then.
const deleteWait = 500 * time.Millisecond

// DeleteAccount deletes an account. It is gone for all at once: deleteUser. What it had is purged behind that, in batches
// (purge_account.go): the first ones here, the others by the janitor of whichever node comes to it.
func (s *Store) DeleteAccount(ctx context.Context, userID int64) error {
	if err := s.deleteIf(ctx, userID, func(userRow) bool { return true }); err != nil {
		return err
	}
	defer s.wakeJanitor() // who may have found the account in these hands, and nothing to do
	until := time.Now().Add(deleteWait)
	for more := true; more && ctx.Err() == nil && time.Now().Before(until); {
		began := time.Now()
		var err error
		if more, err = s.purgeAccount(ctx, userID); err != nil && ctx.Err() == nil {
			s.log.Warn("the purge of an account was interrupted; it will be continued", "user", userID, "error", err)
			return nil // it is deleted all the same
		}
		rest(ctx, time.Since(began))
	}
	return nil
}

// deleteIf deletes a user who is still to be deleted once their row is locked.
func (s *Store) deleteIf(ctx context.Context, userID int64, still func(userRow) bool) error {
	_, err := s.change(ctx, func(c *change) error {
		user, err := c.lockUser(userID)
		if err != nil || !still(user) {
			return err
		}
		return c.deleteUser(user)
	})
	return err
}

// deleteUser is the first step of the end of an account, whose row is locked, and takes no longer for one that had much:
// the sessions end, the names are free and forgotten, and no statement finds the user any more (live.go). The rest is the
// janitor's, who is woken when this is committed.
func (c *change) deleteUser(user userRow) error {
	if err := c.tellDeleted(user.ID); err != nil {
		return err
	}
	if err := c.revokeAll(user.ID, "", models.RevokedByEnd); err != nil {
		return err
	}
	// Whom they stand for may come back, and gets a new account.
	if err := c.Exec("DELETE FROM identities WHERE user_id = ?", user.ID).Error; err != nil {
		return err
	}
	err := c.Exec("INSERT INTO departures (user_id, username, display_name) VALUES (?, ?, ?)",
		user.ID, user.Username, user.DisplayName).Error
	if err != nil {
		return err
	}
	c.renamed, c.purges = true, true
	return c.Exec(`UPDATE users SET deleted_at = ?, username = `+goneUsername+`, username_key = ?, display_name = `+goneDisplayName+`,
		description = '', password_hash = '', guest = ?, guest_network = '' WHERE id = ?`, models.Now().Millis(), keyOfDeleted(user.ID), false, user.ID).Error
}

// tellDeleted has every node forget how the user was called: at the end of the account, and once all is told of what it had.
func (c *change) tellDeleted(userID int64) error {
	return c.tell(models.EventAccountDeleted, models.Audience{UserID: userID}, nil)
}

// keyOfDeleted is a username_key that no username has.
func keyOfDeleted(userID int64) string { return fmt.Sprintf(":%d", userID) }

// departureRow is somebody who has gone, but not all of what they had.
type departureRow struct {
	UserID      int64
	Username    string
	DisplayName string
}

// ref is who they were, for the events that tell what becomes of what they had.
func (d departureRow) ref() models.UserRef {
	return models.UserRef{ID: d.UserID, Username: d.Username, DisplayName: d.DisplayName}
}
