package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// directKey is what the direct room and the blocks of two users are found by, whoever of the two asks.
func directKey(one, other int64) string {
	return fmt.Sprintf("%d:%d", min(one, other), max(one, other))
}

var blockQuery = `SELECT ` + userColumns + `, l.added_at FROM blocks l JOIN ` + liveUsers + ` u ON u.id = l.blocked_id WHERE l.user_id = ?`

// Block keeps a user's direct messages and notifications away from the caller. One who is blocked stays so.
func (s *Store) Block(ctx context.Context, callerID int64, user models.UserPath) (models.Contact, error) {
	var block models.Contact
	_, err := s.change(ctx, func(c *change) error {
		_, other, err := c.pair(callerID, user, "nobody can block themselves")
		if err != nil {
			return err
		}
		if err := c.lockDirect(callerID, other.ID); err != nil {
			return err
		}
		added := c.Exec(`INSERT INTO blocks (user_id, blocked_id, direct_key, added_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (user_id, blocked_id) DO NOTHING`,
			callerID, other.ID, directKey(callerID, other.ID), models.Now().Millis())
		if added.Error != nil {
			return added.Error
		}
		if block, err = c.listed(blockQuery, callerID, other.ID); err != nil || added.RowsAffected == 0 {
			return err
		}
		if err := c.boundBlocks(callerID); err != nil {
			return err
		}
		return c.silence(models.EventBlockAdded, models.Audience{UserID: callerID, PeerID: other.ID}, struct{}{},
			silence{userID: callerID, senderID: other.ID})
	})
	return block, err
}

// Unblock takes a user off the caller's block list. One who is not on it stays so.
func (s *Store) Unblock(ctx context.Context, callerID int64, user models.UserPath) error {
	_, err := s.change(ctx, func(c *change) error {
		other, err := findUser(c.DB, user)
		if err != nil {
			return err
		}
		removed := c.Exec("DELETE FROM blocks WHERE user_id = ? AND blocked_id = ?", callerID, other.ID)
		if removed.Error != nil || removed.RowsAffected == 0 {
			return removed.Error
		}
		return c.unsilence(models.EventBlockRemoved, models.Audience{UserID: callerID, PeerID: other.ID}, struct{}{},
			silence{userID: callerID, senderID: other.ID})
	})
	return err
}

// Blocks lists whom the caller has blocked, in the order of the users' ids.
func (s *Store) Blocks(ctx context.Context, callerID int64, page models.Paging) (models.Page[models.Contact], error) {
	return s.listedPage(ctx, blockQuery, list{listBlocks, callerID}, page)
}

// lockDirect holds the direct room of two users, where there is one: what is being sent there comes before the block,
// and what is sent after the block finds it.
func (c *change) lockDirect(one, other int64) error {
	return c.Exec("SELECT id FROM rooms WHERE direct_key = ?"+c.store.dialect.forUpdate(), directKey(one, other)).Error
}

// refuseBlocked stops what one of two users may not do to the other when either has blocked the other.
func (c *change) refuseBlocked(one, other int64) error {
	closed, err := closedKeys(c.DB, []string{directKey(one, other)})
	if err == nil && len(closed) > 0 {
		err = blockedError()
	}
	return err
}

// apart is the condition that there is a block between two users, whose ids are SQL.
func apart(one, other string) string {
	return `(EXISTS (SELECT 1 FROM blocks x WHERE x.user_id = ` + one + ` AND x.blocked_id = ` + other + `)
		OR EXISTS (SELECT 1 FROM blocks x WHERE x.user_id = ` + other + ` AND x.blocked_id = ` + one + `))`
}

// Apart are those of some users whom the caller has blocked, or who have blocked the caller. Neither learns whether the other
// is online.
func (s *Store) Apart(ctx context.Context, callerID int64, users []int64) (map[int64]bool, error) {
	db := s.read(ctx)
	in, ids := numbers(db, users)
	var found []int64
	err := db.Raw(`SELECT blocked_id FROM blocks WHERE user_id = ? AND blocked_id IN `+in+`
		UNION SELECT user_id FROM blocks WHERE blocked_id = ? AND user_id IN `+in, callerID, ids, callerID, ids).Scan(&found).Error
	from := make(map[int64]bool, len(found))
	for _, id := range found {
		from[id] = true
	}
	return from, err
}

// closedKeys are those of the direct keys whose two users have a block between them.
func closedKeys(tx *gorm.DB, keys []string) (map[string]bool, error) {
	var found []string
	err := tx.Raw("SELECT direct_key FROM blocks WHERE direct_key IN ?", keys).Scan(&found).Error
	closed := map[string]bool{}
	for _, key := range found {
		closed[key] = true
	}
	return closed, err
}

func blockedError() error {
	return models.Errorf(models.CodeBlocked, "One of you has blocked the other.")
}

// boundBlocks is an error for a user who has blocked more users than one may.
func (c *change) boundBlocks(userID int64) error {
	return c.refuseBeyond(models.MaxBlocksPerUser, "You have blocked %d users, which is as many as one may.",
		"blocks", "user_id = ?", userID)
}
