package store

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

// Arrive is the user for whom a product vouches with a token. Their account is made when they come for the first time, and
// a session for each token, which ends with it; one that was logged out stays so. With each new token the user is named as
// it says.
func (s *Store) Arrive(ctx context.Context, a models.Arrival) (userID int64, err error) {
	userID, err = s.useSession(ctx, a.SessionID)
	if err != nil || userID != 0 {
		return userID, err
	}
	var spent int64
	err = s.read(ctx).Raw("SELECT count(*) FROM spent_tokens WHERE session_id = ?", a.SessionID).Scan(&spent).Error
	if err != nil {
		return 0, err
	}
	if spent > 0 {
		return 0, sessionOver()
	}
	err = s.asAccountOf(ctx, a.Person, func(c *change, id int64) error {
		userID = id
		if err := c.followNames(id, a.Person); err != nil {
			return err
		}
		now := models.Now().Millis()
		return c.Exec(`INSERT INTO sessions (id, user_id, user_agent, ip, created_at, last_used_at, expires_at, vouched)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
			a.SessionID, id, a.Device.UserAgent, a.Device.IP, now, now, a.ExpiresAt.Millis(), true).Error
	})
	return userID, err
}

// spendTokens keeps in mind the tokens of a user who is about to go: with one of them a client that does not know it yet
// would make them another account. Refresh tokens are kept for a day, by their hashes: who comes with one is told that
// the session is over, and not that there never was one.
func (c *change) spendTokens(userID int64) error {
	now := models.Now()
	err := c.Exec(`INSERT INTO spent_tokens (session_id, expires_at)
		SELECT id, expires_at FROM sessions WHERE user_id = ? AND vouched AND expires_at > ?`, userID, now.Millis()).Error
	if err != nil {
		return err
	}
	return c.Exec(`INSERT INTO spent_tokens (session_id, expires_at) SELECT t.hash, CAST(? AS BIGINT) FROM sessions s
		JOIN refresh_tokens t ON t.session_id = s.id AND t.spent_at = 0 WHERE s.user_id = ? ON CONFLICT (session_id) DO NOTHING`,
		now.Add(spentMemory).UnixMilli(), userID).Error
}

// spentMemory is how long the refresh tokens of a user who is gone are known.
const spentMemory = 24 * time.Hour
