package store

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

type sessionRow struct {
	ID         string
	UserID     int64
	UserAgent  string
	IP         string
	CreatedAt  int64
	LastUsedAt int64
	ExpiresAt  int64
	RevokedAt  int64
	Vouched    bool // for a token of the product, which has no refresh token
	// RenewedFrom is the hash of the refresh token that was used last, and RenewedTo its successor, sealed; "" for none.
	RenewedFrom string
	RenewedTo   string
}

func (sessionRow) TableName() string { return "sessions" }

// check is nil for a session that may still be used.
func (r sessionRow) check(now models.Time) error {
	return database.Session{ExpiresAt: r.ExpiresAt, RevokedAt: r.RevokedAt}.Check(now)
}

// SignUp creates an account, or a guest, and its first session. Both are in the lobby from the start.
func (s *Store) SignUp(
	ctx context.Context, a models.NewAccount, n models.NewSession, call *models.IdempotentCall,
) (models.Login, error) {
	var login models.Login
	_, err := s.writeIdempotent(ctx, call, func(tx *transaction) (any, error) {
		lobby, err := tx.lockLobby()
		if err != nil {
			return nil, err
		}
		user, err := insertUser(tx, a)
		if err != nil {
			return nil, err
		}
		if a.Guest {
			if err := tx.setGuestNetwork(user.ID, a.Network); err != nil {
				return nil, err
			}
		}
		if err := tx.addToLobby(lobby, user); err != nil {
			return nil, err
		}
		login, err = insertSession(tx, user, n)
		return login, err
	})
	return login, err
}

// LogIn creates a session for a user whose password was checked against hash. If the password was changed meanwhile,
// the change has revoked all other sessions, and this one must not be created after it.
func (s *Store) LogIn(
	ctx context.Context, userID int64, hash string, n models.NewSession, call *models.IdempotentCall,
) (models.Login, error) {
	var login models.Login
	_, err := s.writeIdempotent(ctx, call, func(tx *transaction) (any, error) {
		row, err := tx.lockUser(userID)
		if err == nil && row.PasswordHash != hash {
			err = wrongPassword()
		}
		if err == nil {
			err = s.refuseOtherLogin(tx.DB, userID)
		}
		if err != nil {
			return nil, err
		}
		login, err = insertSession(tx, row.model(), n)
		return login, err
	})
	return login, err
}

func insertSession(tx *transaction, user models.User, n models.NewSession) (models.Login, error) {
	now := models.Now()
	row := sessionRow{
		ID: rand.Text(), UserID: user.ID, UserAgent: n.Device.UserAgent, IP: n.Device.IP,
		CreatedAt: now.Millis(), LastUsedAt: now.Millis(), ExpiresAt: now.Add(models.RefreshTokenLife).UnixMilli(),
	}
	if err := tx.Create(&row).Error; err != nil {
		return models.Login{}, err
	}
	if err := tx.limitSessions(user.ID, row.ID); err != nil {
		return models.Login{}, err
	}
	return models.Login{SessionID: row.ID, User: user}, insertRefresh(tx, n.RefreshHash, row.ID)
}

func insertRefresh(tx *transaction, hash, sessionID string) error {
	return database.Exec(tx.DB, "INSERT INTO refresh_tokens (hash, session_id) VALUES (?, ?)", hash, sessionID)
}

// CheckSession is nil while the user may use the session; session_revoked, token_expired or unauthenticated after.
func (s *Store) CheckSession(ctx context.Context, caller models.Caller) error {
	userID, err := s.useSession(ctx, caller.SessionID)
	if err == nil && userID != caller.UserID {
		err = sessionOver()
	}
	return err
}

func sessionOver() error { return models.Errorf(models.CodeSessionRevoked, "This session has ended.") }

// useSession returns the user of a session, 0 when there is no such session, and an error when it has ended.
func (s *Store) useSession(ctx context.Context, id string) (userID int64, err error) {
	now := models.Now()
	row, known, err := s.session(ctx, id, now)
	if err != nil || !known {
		return 0, err
	}
	if err := row.Check(now); err != nil {
		return 0, err
	}
	switch unused := time.Duration(now.Millis()-row.LastUsedAt) * time.Millisecond; {
	case unused >= returnAfter:
		return row.UserID, s.returnTo(ctx, id)
	case unused >= touchEvery:
		s.touches.add(id, now)
	}
	return row.UserID, nil
}

// returnTo stores that a session is used again, and then checks it once more: the janitor may have found the guest idle
// just before, and deleted them.
func (s *Store) returnTo(ctx context.Context, id string) error {
	if _, _, err := s.returns.get(ctx, id); err != nil {
		return err
	}
	now := models.Now()
	row, known, err := s.session(ctx, id, now)
	if err == nil && !known {
		err = sessionOver()
	}
	if err == nil {
		err = row.Check(now)
	}
	return err
}

// session returns what is known of a session. A cached one is valid: one that seems to have expired may have been
// renewed.
func (s *Store) session(ctx context.Context, id string, now models.Time) (row database.Session, known bool, err error) {
	if _, err := s.newReadPoint(ctx); err != nil {
		return row, false, err
	}
	row, known, since := getCached(s.cache, s.cache.sessions, id)
	if known && row.Check(now) == nil {
		return row, true, nil
	}
	row, known, err = s.sessions.get(ctx, id)
	if known && row.Check(now) == nil {
		putCached(s.cache, s.cache.sessions, id, row, since)
	}
	return row, known, err
}

func (s *Store) loadSessions(ctx context.Context, ids []string) (map[string]database.Session, error) {
	found := make(map[string]database.Session, len(ids))
	err := s.dialect.Sessions(ctx, s.reader, ids, found)
	return found, database.Translate(s.reader, err)
}

// Sessions lists the caller's valid sessions, newest first.
func (s *Store) Sessions(
	ctx context.Context, caller models.Caller, page models.Paging,
) (models.Page[models.SessionInfo], error) {
	of := list{listSessions, caller.UserID}
	after, goesOn, err := of.after(page.Cursor)
	if err != nil {
		return models.Page[models.SessionInfo]{}, err
	}
	q := s.read(ctx).Where("user_id = ? AND revoked_at = 0 AND expires_at > ?", caller.UserID, models.Now().Millis())
	if goesOn {
		q = q.Where("(created_at, id) < (?, ?)", after.at, after.key)
	}
	var rows []sessionRow
	if err := q.Order("created_at DESC, id DESC").Limit(page.Limit + 1).Find(&rows).Error; err != nil {
		return models.Page[models.SessionInfo]{}, err
	}
	return pageOf(rows, page.Limit, func(r sessionRow) models.SessionInfo {
		return models.SessionInfo{
			ID: r.ID, CreatedAt: models.FromMillis(r.CreatedAt), LastUsedAt: models.FromMillis(r.LastUsedAt),
			UserAgent: r.UserAgent, IP: r.IP, Current: r.ID == caller.SessionID,
		}
	}, func(r sessionRow) cursor { return cursor{list: of, at: r.CreatedAt, key: r.ID} }), nil
}

// LogOut revokes one of the user's sessions: its tokens are refused from the commit on, and its streams end when they
// reach the event. It does nothing for a session that has ended, or that is none of the user's. A guest is deleted with
// the last session.
func (s *Store) LogOut(ctx context.Context, userID int64, sessionID string) (models.Cursor, error) {
	at, err := s.write(ctx, func(tx *transaction) error {
		var row sessionRow
		found := tx.Where("id = ? AND user_id = ?", sessionID, userID).Limit(1).Find(&row)
		if found.Error != nil {
			return found.Error
		}
		if found.RowsAffected == 0 {
			return nil
		}
		return revoke(tx, row, models.RevokedByLogOut)
	})
	if err != nil {
		return at, err
	}
	if err := s.endGuest(context.WithoutCancel(ctx), userID); err != nil {
		s.log.Warn("cannot delete a guest who has logged out; the janitor will retry", "user", userID, "error", err)
	}
	return at, nil
}

// maxSessionAddresses bounds the addresses that are read, newest sessions first.
const maxSessionAddresses = 100

// SessionAddresses lists the addresses that the user's sessions were last used from, including those of ended sessions
// for as long as they are kept.
func (s *Store) SessionAddresses(ctx context.Context, userID int64) ([]string, error) {
	var list []string
	err := database.Scan(s.read(ctx), &list, "SELECT ip FROM sessions WHERE user_id = ? ORDER BY created_at DESC LIMIT ?",
		userID, maxSessionAddresses)
	return list, err
}

// revokeAll revokes the user's sessions but the one with the id except.
func (tx *transaction) revokeAll(userID int64, except string, why models.RevokeReason) error {
	var rows []sessionRow
	err := tx.Where("user_id = ? AND revoked_at = 0 AND id <> ?", userID, except).Find(&rows).Error
	if err == nil {
		err = revokeEach(tx, rows, why)
	}
	return err
}

// revokeEach revokes sessions in the order of their ids, which is that of all locks on them.
func revokeEach(tx *transaction, rows []sessionRow, why models.RevokeReason) error {
	slices.SortFunc(rows, func(a, b sessionRow) int { return strings.Compare(a.ID, b.ID) })
	for _, row := range rows {
		if err := revoke(tx, row, why); err != nil {
			return err
		}
	}
	return nil
}

func revoke(tx *transaction, row sessionRow, why models.RevokeReason) error {
	ended, err := database.ExecRows(tx.DB,
		"UPDATE sessions SET revoked_at = ? WHERE id = ? AND revoked_at = 0", models.Now().Millis(), row.ID)
	if err != nil || ended == 0 {
		return err
	}
	return tx.appendEvent(models.EventSessionRevoked, models.Audience{UserID: row.UserID, SessionID: row.ID},
		models.SessionRevoked{SessionID: row.ID, Reason: why})
}

// Refresh spends a refresh token and stores its successor. sealed is the successor to return: that of n, or that of the
// first call when the token comes again before RefreshRepeat is over and before the successor was used in turn, since
// then the first response may have been lost. Any other token that was spent before may have been stolen: its session
// is revoked.
func (s *Store) Refresh(ctx context.Context, n models.Renewal) (login models.Login, sealed string, err error) {
	var refused error
	_, err = s.write(ctx, func(tx *transaction) error {
		refused = nil
		row, err := sessionOfToken(tx, n.SpentHash)
		if err != nil {
			return err
		}
		if err := row.check(n.At); err != nil {
			return err
		}
		if sealed, err = tx.renew(row, n); err != nil {
			return err
		}
		if sealed == "" {
			refused = models.Errorf(models.CodeSessionRevoked, "This refresh token was used before; its session is logged out.")
			return revoke(tx, row, models.RevokedByReuse) // to be committed, though the call fails
		}
		user, err := findUser(tx.DB, models.UserPath{ID: row.UserID})
		login = models.Login{SessionID: row.ID, User: user.model()}
		return err
	})
	if err == nil {
		err = refused
	}
	return login, sealed, err
}

func sessionOfToken(tx *transaction, hash string) (sessionRow, error) {
	var row sessionRow
	found, err := database.Find(tx.DB, &row,
		`SELECT `+sessionColumns+` FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE t.hash =
		?`, hash)
	if err == nil && !found {
		var spent int64
		err := database.Scan(tx.DB, &spent, "SELECT count(*) FROM spent_tokens WHERE session_id = ?", hash)
		switch {
		case err != nil:
			return row, err
		case spent > 0: // of a deleted user
			return row, sessionOver()
		}
		return row, models.Errorf(models.CodeUnauthenticated, "This refresh token is not known.")
	}
	return row, err
}

// renew returns the sealed successor of the token that n spends, "" for a token that must not come again. Of several
// calls at once one spends it; PostgreSQL has the others wait for its end, and they find what it stored.
func (tx *transaction) renew(row sessionRow, n models.Renewal) (sealed string, err error) {
	spend, err := database.ExecRows(tx.DB,
		"UPDATE refresh_tokens SET spent_at = ? WHERE hash = ? AND spent_at = 0", n.At.Millis(), n.SpentHash)
	if err != nil {
		return "", err
	}
	if spend == 0 {
		err := database.Scan(tx.DB, &sealed,
			`SELECT s.renewed_to FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id AND s.renewed_from =
			t.hash
			WHERE t.hash = ? AND t.spent_at > ?`, n.SpentHash, n.At.Add(-models.RefreshRepeat).UnixMilli())
		return sealed, err
	}
	err = tx.Model(&sessionRow{}).Where("id = ?", row.ID).Updates(map[string]any{
		"last_used_at": n.At.Millis(), "expires_at": n.At.Add(models.RefreshTokenLife).UnixMilli(),
		"user_agent": n.Device.UserAgent, "ip": n.Device.IP, "renewed_from": n.SpentHash, "renewed_to": n.Sealed,
	}).Error
	if err != nil {
		return "", err
	}
	return n.Sealed, insertRefresh(tx, n.RefreshHash, row.ID)
}

// limitSessions revokes the oldest of a user's sessions when newest is one more than the limit; not all of them at
// once, where a database from before this limit has very many.
func (tx *transaction) limitSessions(userID int64, newest string) error {
	var rows []sessionRow
	err := database.Scan(tx.DB, &rows,
		"SELECT "+sessionColumns+` FROM sessions s WHERE user_id = ? AND revoked_at = 0 AND id <> ?
		ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?`, userID, newest, models.MaxSessionsPerUser,
		models.MaxSessionsPerUser-1)
	if err == nil {
		err = revokeEach(tx, rows, models.RevokedByLimit)
	}
	return err
}

// spendVouched records the product's tokens of some sessions of a deleted user: a client that does not know of the
// deletion yet would otherwise create another account with them.
func (tx *transaction) spendVouched(sessions []string) error {
	return database.Exec(tx.DB, `INSERT INTO spent_tokens (session_id, expires_at)
		SELECT id, expires_at FROM sessions WHERE id IN ? AND vouched AND expires_at > ? ON CONFLICT (session_id) DO NOTHING`,
		sessions, models.Now().Millis())
}

// spendRefresh records, for a day, those of some refresh tokens of a deleted user that were not used yet, or within the
// last day, so that the error for them is that the session is over, and not that the token is unknown.
func (tx *transaction) spendRefresh(hashes []string) error {
	now := models.Now()
	return database.Exec(tx.DB,
		`INSERT INTO spent_tokens (session_id, expires_at) SELECT hash, CAST(? AS BIGINT) FROM refresh_tokens
		WHERE hash IN ? AND (spent_at = 0 OR spent_at > ?) ON CONFLICT (session_id) DO NOTHING`,
		now.Add(spentTokenLife).UnixMilli(), hashes, now.Add(-spentTokenLife).UnixMilli())
}

// spentTokenLife is how long the refresh tokens of a deleted user are known.
const spentTokenLife = 24 * time.Hour
