package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// directKey identifies the direct room and the blocks of two users, in either order.
func directKey(one, other int64) string {
	return fmt.Sprintf("%d:%d", min(one, other), max(one, other))
}

var blockQuery = `SELECT ` + userColumns + `, l.added_at FROM blocks l JOIN ` + liveUsers + ` u ON u.id = l.blocked_id
	WHERE l.user_id = ?`

// Block keeps a user's direct messages and notifications away from the caller. It does nothing for a user who is
// blocked.
func (s *Store) Block(ctx context.Context, callerID int64, user models.UserPath) (models.Contact, error) {
	var block models.Contact
	_, err := s.write(ctx, func(tx *transaction) error {
		_, other, err := tx.findPair(callerID, user, "nobody can block themselves")
		if err != nil {
			return err
		}
		if err := tx.lockDirect(callerID, other.ID); err != nil {
			return err
		}
		added, err := database.ExecRows(tx.DB,
			`INSERT INTO blocks (user_id, blocked_id, direct_key, added_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (user_id, blocked_id) DO NOTHING`,
			callerID, other.ID, directKey(callerID, other.ID), models.Now().Millis())
		if err != nil {
			return err
		}
		if block, err = tx.listEntry(blockQuery, callerID, other.ID); err != nil || added == 0 {
			return err
		}
		if err := tx.limitBlocks(callerID); err != nil {
			return err
		}
		return tx.startMute(models.EventBlockAdded, models.Audience{UserID: callerID, PeerID: other.ID}, struct{}{},
			mute{userID: callerID, senderID: other.ID})
	})
	return block, err
}

// Unblock removes a user from the caller's block list. It does nothing for a user who is not on it, or who is gone.
func (s *Store) Unblock(ctx context.Context, callerID int64, user models.UserPath) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		other, err := findUser(tx.DB, user)
		if err != nil {
			return unlessNotFound(err)
		}
		removed, err := database.ExecRows(tx.DB,
			"DELETE FROM blocks WHERE user_id = ? AND blocked_id = ?", callerID, other.ID)
		if err != nil || removed == 0 {
			return err
		}
		return tx.stopMute(models.EventBlockRemoved, models.Audience{UserID: callerID, PeerID: other.ID}, struct{}{},
			mute{userID: callerID, senderID: other.ID})
	})
	return err
}

// Blocks lists the users that the caller has blocked, in the order of their ids.
func (s *Store) Blocks(ctx context.Context, callerID int64, page models.Paging) (models.Page[models.Contact], error) {
	return s.listedPage(ctx, blockQuery, list{listBlocks, callerID}, page)
}

// lockDirect locks the direct room of two users, where there is one: a message that is being sent there comes before
// the block, and a later one finds the block.
func (tx *transaction) lockDirect(one, other int64) error {
	return database.Exec(tx.DB,
		"SELECT id FROM rooms WHERE direct_key = ?"+tx.store.dialect.ForUpdate(), directKey(one, other))
}

// refuseBlocked refuses what a user may not do to another when either has blocked the other.
func (tx *transaction) refuseBlocked(one, other int64) error {
	closed, err := blockedKeys(tx.DB, []string{directKey(one, other)})
	if err == nil && len(closed) > 0 {
		err = blockedError()
	}
	return err
}

// blockedBetween is the condition that there is a block between two users, whose ids are SQL.
func blockedBetween(one, other string) string {
	return `(EXISTS (SELECT 1 FROM blocks x WHERE x.user_id = ` + one + ` AND x.blocked_id = ` + other + `)
		OR EXISTS (SELECT 1 FROM blocks x WHERE x.user_id = ` + other + ` AND x.blocked_id = ` + one + `))`
}

// BlockedEitherWay returns those of some users that the caller has blocked, or who have blocked the caller. Neither
// learns whether the other is online.
func (s *Store) BlockedEitherWay(ctx context.Context, callerID int64, users []int64) (map[int64]bool, error) {
	db := s.read(ctx)
	in, ids := database.IDList(db, users)
	var found []int64
	err := database.Scan(db, &found, `SELECT blocked_id FROM blocks WHERE user_id = ? AND blocked_id IN `+in+`
		UNION SELECT user_id FROM blocks WHERE blocked_id = ? AND user_id IN `+in, callerID, ids, callerID, ids)
	from := make(map[int64]bool, len(found))
	for _, id := range found {
		from[id] = true
	}
	return from, err
}

// blockedKeys returns those of the direct keys whose two users have a block between them.
func blockedKeys(tx *gorm.DB, keys []string) (map[string]bool, error) {
	var found []string
	err := database.Scan(tx, &found, "SELECT direct_key FROM blocks WHERE direct_key IN ?", keys)
	closed := map[string]bool{}
	for _, key := range found {
		closed[key] = true
	}
	return closed, err
}

func blockedError() error {
	return models.Errorf(models.CodeBlocked, "One of you has blocked the other.")
}

// limitBlocks is an error for a user who has blocked more users than the limit.
func (tx *transaction) limitBlocks(userID int64) error {
	return tx.refuseAbove(models.MaxBlocksPerUser, "You have blocked %d users, which is as many as one may.",
		"blocks", "user_id = ?", userID)
}
