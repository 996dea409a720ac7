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
	err = s.withAccountOf(ctx, a.Person, func(tx *transaction, id int64) error {
		userID = id
		if err := tx.followNames(id, a.Person); err != nil {
			return err
		}
		now := models.Now().Millis()
		err := tx.Exec(`INSERT INTO sessions (id, user_id, user_agent, ip, created_at, last_used_at, expires_at, vouched)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
			a.SessionID, id, a.Device.UserAgent, a.Device.IP, now, now, a.ExpiresAt.Millis(), true).Error
		if err == nil {
			_, err = findUser(tx.DB, models.UserPath{ID: id}) // only now, as with memberships
		}
		switch {
		case isNotFound(err):
			return sessionOver()
		case err != nil:
			return err
		}
		return tx.limitSessions(id, a.SessionID)
	})
	return userID, err
}

// spendVouched keeps in mind the tokens of a product's for some sessions of a user who is gone: with one of them a client
// that does not know it yet would make them another account.
func (tx *transaction) spendVouched(sessions []string) error {
	return tx.Exec(`INSERT INTO spent_tokens (session_id, expires_at)
		SELECT id, expires_at FROM sessions WHERE id IN ? AND vouched AND expires_at > ? ON CONFLICT (session_id) DO NOTHING`,
		sessions, models.Now().Millis()).Error
}

// spendRefresh keeps in mind, for a day, those of some refresh tokens of a user who is gone that were not used yet, or within
// the last day: who comes with one is told that the session is over, and not that there never was one.
func (tx *transaction) spendRefresh(hashes []string) error {
	now := models.Now()
	return tx.Exec(`INSERT INTO spent_tokens (session_id, expires_at) SELECT hash, CAST(? AS BIGINT) FROM refresh_tokens
		WHERE hash IN ? AND (spent_at = 0 OR spent_at > ?) ON CONFLICT (session_id) DO NOTHING`,
		now.Add(spentTokenLife).UnixMilli(), hashes, now.Add(-spentTokenLife).UnixMilli()).Error
}

// spentMemory is how long the refresh tokens of a user who is gone are known.
const spentTokenLife = 24 * time.Hour
