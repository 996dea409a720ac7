package store

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

// Arrive returns the user for whom a product's token vouches. The account is created when they come for the first time,
// and a session for each token, which ends with it; one that was logged out stays so. With each new token the user gets
// the names in it.
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
			_, err = findUser(tx.DB, models.UserPath{ID: id}) // after the insert, as with memberships
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

// spendVouched records the product's tokens of some sessions of a deleted user: a client that does not know of the
// deletion yet would otherwise create another account with them.
func (tx *transaction) spendVouched(sessions []string) error {
	return tx.Exec(`INSERT INTO spent_tokens (session_id, expires_at)
		SELECT id, expires_at FROM sessions WHERE id IN ? AND vouched AND expires_at > ? ON CONFLICT (session_id) DO NOTHING`,
		sessions, models.Now().Millis()).Error
}

// spendRefresh records, for a day, those of some refresh tokens of a deleted user that were not used yet, or within the
// last day, so that the error for them is that the session is over, and not that the token is unknown.
func (tx *transaction) spendRefresh(hashes []string) error {
	now := models.Now()
	return tx.Exec(`INSERT INTO spent_tokens (session_id, expires_at) SELECT hash, CAST(? AS BIGINT) FROM refresh_tokens
		WHERE hash IN ? AND (spent_at = 0 OR spent_at > ?) ON CONFLICT (session_id) DO NOTHING`,
		now.Add(spentTokenLife).UnixMilli(), hashes, now.Add(-spentTokenLife).UnixMilli()).Error
}

// spentTokenLife is how long the refresh tokens of a deleted user are known.
const spentTokenLife = 24 * time.Hour
