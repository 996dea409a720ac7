package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// otherWaysBatch bounds the sessions that one transaction ends.
const otherWaysBatch = 200

// refuseOtherWay refuses another way into the account of a product's user: who is let go by the product would come back by
// it.
func (s *Store) refuseOtherWay(db *gorm.DB, userID int64) error {
	if s.product == "" {
		return nil
	}
	var known int64
	err := db.Raw("SELECT count(*) FROM identities WHERE user_id = ? AND issuer = ?", userID, s.product).Scan(&known).Error
	if err == nil && known > 0 {
		err = models.Errorf(models.CodeForbidden, "This account belongs to %s, whose tokens are the only way into it.", s.product)
	}
	return err
}

// followNames gives a product's user the names that their token has for them, where they are others than before: the shown
// one, and the username if it is valid and free. What the token does not name stays.
func (c *change) followNames(userID int64, p models.Person) error {
	user, err := findUser(c.DB, models.UserPath{ID: userID})
	if err != nil {
		return err
	}
	changes := map[string]any{}
	if shown := p.ShownName(); shown != "" && shown != user.DisplayName {
		changes["display_name"] = shown
	}
	if username := p.Username(); username != "" && username != user.Username {
		key, ok, err := c.keyForRename(user, username)
		if err != nil {
			return err
		}
		if ok {
			changes["username"], changes["username_key"] = username, key
			c.renameUser(user)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	c.renamed = true
	return c.Model(&userRow{}).Where("id = ?", userID).Updates(changes).Error
}

// keyForRename is what a valid username is found by; ok is false when somebody else has it, or it is reserved.
func (c *change) keyForRename(user userRow, username string) (key string, ok bool, err error) {
	key, _ = models.NameKey(username, models.MaxUsernameLength)
	if key != user.UsernameKey && models.IsReserved(key) {
		return key, false, nil
	}
	owner, err := findUser(c.DB, models.UserPath{Key: key})
	if errors.Is(err, models.NotFound()) {
		return key, true, nil
	}
	return key, err == nil && owner.ID == user.ID, err
}

// otherWays are the sessions of a product's users that no token of the product's has opened, where the account has another
// way in: a password, or an identity elsewhere.
var otherWays = "SELECT " + sessionColumns + ` FROM sessions s JOIN identities i ON i.user_id = s.user_id AND i.issuer = ?
	JOIN users u ON u.id = s.user_id WHERE NOT s.vouched AND s.revoked_at = 0 AND s.expires_at > ?
	AND (u.password_hash <> '' OR EXISTS (SELECT 1 FROM identities o WHERE o.user_id = s.user_id AND o.issuer <> ?)) LIMIT ?`

// endOtherWays ends, once after the start, a batch of the sessions that a product's users have opened by other ways while
// these were allowed.
func (s *Store) endOtherWays(ctx context.Context) (more bool, err error) {
	if s.product == "" || s.othersEnded {
		return false, nil
	}
	_, err = s.change(ctx, func(c *change) error {
		var rows []sessionRow
		err := c.Raw(otherWays, s.product, models.Now().Millis(), s.product, otherWaysBatch).Scan(&rows).Error
		for i := 0; err == nil && i < len(rows); i++ {
			err = revoke(c, rows[i], models.RevokedByLogOut)
		}
		more = len(rows) == otherWaysBatch
		return err
	})
	s.othersEnded = err == nil && !more
	return more, err
}
