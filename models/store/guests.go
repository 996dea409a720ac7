package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// guestBatch bounds the guests that the janitor finds with one query.
const guestBatch = 100

// Online gives the janitor the function that reports whether a user has a stream open. Until it is called, idle guests
// stay.
func (s *Store) Online(online func(userID int64) bool) { s.online.Store(&online) }

// GuestsOf counts the guests who were created from a network, up to most.
func (s *Store) GuestsOf(ctx context.Context, network string, most int) (int, error) {
	var n int
	err := database.Scan(s.read(ctx), &n,
		"SELECT count(*) FROM (SELECT 1 FROM users WHERE guest_network = ? AND guest_network <> '' "+
			"LIMIT ?) g",
		network, most)
	return n, err
}

// setGuestNetwork stores the network that a guest was created from, "" for a user who is no longer a guest.
func (tx *transaction) setGuestNetwork(userID int64, network string) error {
	return database.Exec(tx.DB, "UPDATE users SET guest_network = ? WHERE id = ?", network, userID)
}

// hasNoSession is the condition that a user u has no session left to come back with.
const hasNoSession = `NOT EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = u.id AND s.revoked_at = 0 AND s.expires_at
	> ?)`

// endGuest deletes a guest with their last session: nobody can log in as them any more, and the name is free. Other
// users, and guests with another session, stay.
func (s *Store) endGuest(ctx context.Context, userID int64) error {
	var ended int64
	err := database.Scan(s.read(ctx), &ended, "SELECT u.id FROM users u WHERE u.id = ? AND u.guest AND "+hasNoSession,
		userID, models.Now().Millis())
	if err != nil || ended == 0 {
		return err
	}
	if err := s.deleteGuest(ctx, ended, models.Now()); err != nil {
		return err
	}
	s.startPurge(ctx, ended)
	return nil
}

// deleteGuest deletes a guest unless a valid session of theirs was used since.
func (s *Store) deleteGuest(ctx context.Context, userID int64, since models.Time) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		user, err := tx.lockUser(userID)
		if err != nil || !user.Guest {
			return err
		}
		used, err := tx.lockSessions(userID)
		if err != nil || used >= since.Millis() {
			return err
		}
		return tx.deleteUser(user)
	})
	if errors.Is(err, models.NotFound()) {
		err = nil // another node has deleted them
	}
	return err
}

// lockSessions locks the sessions of a guest, and returns when a valid one was used last. A guest who comes back waits
// for the end of the transaction, and learns then whether the session still exists (returnTo). The order of the
// database is that of Go here: a guest's sessions have ids of equal length, of capital letters and digits.
func (tx *transaction) lockSessions(guestID int64) (used int64, err error) {
	var each []int64
	err = database.Scan(tx.DB, &each, `SELECT CASE WHEN expires_at > ? THEN last_used_at ELSE 0 END FROM sessions
		WHERE user_id = ? AND revoked_at = 0 ORDER BY id`+tx.store.dialect.ForUpdate(), models.Now().Millis(), guestID)
	return slices.Max(append(each, 0)), err
}

// expireGuests deletes a batch of the guests who have no session left to come back with.
func (s *Store) expireGuests(ctx context.Context) (more bool, err error) {
	var users []int64
	err = database.Scan(s.read(ctx), &users,
		"SELECT u.id FROM users u WHERE u.guest AND "+hasNoSession+" ORDER BY u.id LIMIT ?",
		models.Now().Millis(), guestBatch)
	return len(users) == guestBatch, s.deleteGuests(ctx, users, models.Now(), err)
}

// expireIdleGuests deletes guests who came hours ago, have done nothing, and are not online. Each time it looks at a
// batch of all guests, and continues after it the next time: most stay, and need not be checked each minute.
func (s *Store) expireIdleGuests(ctx context.Context) (more bool, err error) {
	online := s.online.Load()
	if online == nil {
		return false, nil
	}
	idleSince := models.At(time.Now().Add(-models.IdleGuestLife))
	before := idleSince.Millis()
	from := s.idleFrom
	var looked []int64
	err = database.Scan(s.read(ctx), &looked,
		"SELECT u.id FROM users u WHERE u.guest AND u.id > ? AND u.created_at < ? ORDER BY u.id LIMIT ?",
		from, before, guestBatch)
	if err != nil {
		return false, err
	}
	if len(looked) == 0 {
		s.idleFrom = 0
		return false, nil
	}
	s.idleFrom = looked[len(looked)-1]
	var idle, gone []int64
	err = database.Scan(s.read(ctx), &idle,
		`SELECT u.id FROM users u WHERE u.guest AND u.id > ? AND u.id <= ? AND u.created_at < ? AND
		u.last_seen_at < ?
		AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = u.id AND s.last_used_at >= ?)
		AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.sender_id = u.id AND m.deleted_at = 0)
		AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = u.id AND m.room_id <> ?)
		AND NOT EXISTS (SELECT 1 FROM reactions r WHERE r.user_id = u.id)
		AND NOT EXISTS (SELECT 1 FROM contacts k WHERE k.user_id = u.id OR k.contact_id = u.id)
		AND NOT EXISTS (SELECT 1 FROM files f WHERE f.user_id = u.id)
		AND NOT EXISTS (SELECT 1 FROM uploads o WHERE o.user_id = u.id)
		ORDER BY u.id`, from, s.idleFrom, before, before, before, s.lobbyID)
	for _, id := range idle {
		if !(*online)(id) {
			gone = append(gone, id)
		}
	}
	return false, s.deleteGuests(ctx, gone, idleSince, err)
}

// deleteGuests deletes guests that a query has found, unless it failed, or a guest has used a session since.
func (s *Store) deleteGuests(ctx context.Context, users []int64, since models.Time, err error) error {
	for _, id := range users {
		if err == nil {
			began := time.Now()
			err = s.deleteGuest(ctx, id, since)
			pause(ctx, time.Since(began))
		}
	}
	return err
}

// UpgradeGuest upgrades a guest to an account, which keeps all that the guest has, and opens the account's first
// session. The guest's own sessions go on.
func (s *Store) UpgradeGuest(
	ctx context.Context, guestID int64, a models.NewAccount, n models.NewSession, call *models.IdempotentCall,
) (models.Login, error) {
	var login models.Login
	_, err := s.writeIdempotent(ctx, call, func(tx *transaction) (any, error) {
		guest, err := tx.lockUser(guestID)
		if err == nil && !guest.Guest {
			err = models.Errorf(models.CodeForbidden, "You have an account; only guests sign up with their token.")
		}
		if err != nil {
			return nil, err
		}
		user, err := upgradeGuest(tx, guest, a)
		if err != nil {
			return nil, err
		}
		if err := tx.setGuestNetwork(user.ID, ""); err != nil {
			return nil, err
		}
		login, err = insertSession(tx, user, n)
		return login, err
	})
	return login, err
}

// upgradeGuest turns a guest into the account a: the same user, under new names. The guest's display name stays if the
// account has none.
func upgradeGuest(tx *transaction, guest userRow, a models.NewAccount) (models.User, error) {
	if a.DisplayName == "" && guest.DisplayName != guest.Username {
		a.DisplayName = guest.DisplayName
	}
	row, err := newUserRow(a)
	if err != nil {
		return models.User{}, err
	}
	if err := tx.appendNamesChanged(guest.ID); err != nil {
		return models.User{}, err
	}
	tx.renameUser(guest)
	row.ID, row.CreatedAt, row.LastSeenAt = guest.ID, guest.CreatedAt, guest.LastSeenAt
	err = usernameTaken(tx.Select("*").Updates(&row).Error, row.Username)
	return row.model(), err
}
