package store

import (
	"context"

	"github.com/parley-chat/parley/models"
)

// Refresh spends a refresh token and puts its successor in its place. sealed is the successor to answer: n's own, or that of
// the first call when the token comes again before RefreshRepeat is over and before the successor was traded in turn, since
// then the first answer may have been lost. Any other spent token is in two hands, of which one is a thief's: its session is
// revoked.
func (s *Store) Refresh(ctx context.Context, n models.Renewal) (login models.Login, sealed string, err error) {
	var refused error
	_, err = s.change(ctx, func(c *change) error {
		refused = nil
		row, err := sessionOfToken(c, n.SpentHash)
		if err != nil {
			return err
		}
		if err := row.alive(n.At); err != nil {
			return err
		}
		if sealed, err = c.renew(row, n); err != nil {
			return err
		}
		if sealed == "" {
			refused = models.Errorf(models.CodeSessionRevoked, "This refresh token was used before; its session is logged out.")
			return revoke(c, row, models.RevokedByReuse) // to be committed, though the call fails
		}
		user, err := findUser(c.DB, models.UserPath{ID: row.UserID})
		login = models.Login{SessionID: row.ID, User: user.model()}
		return err
	})
	if err == nil {
		err = refused
	}
	return login, sealed, err
}

func sessionOfToken(c *change, hash string) (sessionRow, error) {
	var row sessionRow
	found := c.Raw(`SELECT `+sessionColumns+` FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE t.hash = ?`, hash).Scan(&row)
	if found.Error == nil && found.RowsAffected == 0 {
		var spent int64
		err := c.Raw("SELECT count(*) FROM spent_tokens WHERE session_id = ?", hash).Scan(&spent).Error
		switch {
		case err != nil:
			return row, err
		case spent > 0: // of somebody who is gone
			return row, sessionOver()
		}
		return row, models.Errorf(models.CodeUnauthenticated, "This refresh token is not known.")
	}
	return row, found.Error
}

// renew returns the sealed successor of the token that n spends, "" for a token that must not come again. Of several calls
// at once one spends it; PostgreSQL has the others wait for that one's end, and they find what it stored.
func (c *change) renew(row sessionRow, n models.Renewal) (sealed string, err error) {
	spend := c.Exec("UPDATE refresh_tokens SET spent_at = ? WHERE hash = ? AND spent_at = 0", n.At.Millis(), n.SpentHash)
	if spend.Error != nil {
		return "", spend.Error
	}
	if spend.RowsAffected == 0 {
		err := c.Raw(`SELECT s.renewed_to FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id AND s.renewed_from = t.hash
			WHERE t.hash = ? AND t.spent_at > ?`, n.SpentHash, n.At.Add(-models.RefreshRepeat).UnixMilli()).Scan(&sealed).Error
		return sealed, err
	}
	err = c.Model(&sessionRow{}).Where("id = ?", row.ID).Updates(map[string]any{
		"last_used_at": n.At.Millis(), "expires_at": n.At.Add(models.RefreshTokenLife).UnixMilli(),
		"user_agent": n.Device.UserAgent, "ip": n.Device.IP, "renewed_from": n.SpentHash, "renewed_to": n.Sealed,
	}).Error
	if err != nil {
		return "", err
	}
	return n.Sealed, insertRefresh(c, n.RefreshHash, row.ID)
}
