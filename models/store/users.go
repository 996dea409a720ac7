package store

import (
	"context"
	"errors"
	"maps"
	"slices"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

type userRow struct {
	ID           int64
	Username     string
	UsernameKey  string
	DisplayName  string
	Description  string
	Guest        bool
	PasswordHash string
	CreatedAt    int64
	LastSeenAt   int64
}

func (userRow) TableName() string { return "users" }

func (r userRow) model() models.User {
	return models.User{
		ID: r.ID, Username: r.Username, DisplayName: r.DisplayName, Description: r.Description, Guest: r.Guest,
		LastSeenAt: models.FromMillis(r.LastSeenAt), CreatedAt: models.FromMillis(r.CreatedAt),
	}
}

// User returns the profile that path names, or not_found.
func (s *Store) User(ctx context.Context, path models.UserPath) (models.User, error) {
	row, err := findUser(s.read(ctx), path)
	return row.model(), err
}

// UsernameFree is username_taken when a user other than except has the name.
func (s *Store) UsernameFree(ctx context.Context, username string, except int64) error {
	key, ok := models.NameKey(username, models.MaxUsernameLength)
	if !ok {
		return models.Invalid("username", "is not a username")
	}
	row, err := findUser(s.read(ctx), models.UserPath{Key: key})
	switch {
	case isNotFound(err):
		return nil
	case err == nil && row.ID != except:
		return usernameTaken(gorm.ErrDuplicatedKey, username)
	}
	return err
}

// ChangeProfile changes the caller's own profile.
func (s *Store) ChangeProfile(
	ctx context.Context, userID int64, p models.ProfileChange, only models.Condition,
) (models.User, error) {
	var user models.User
	_, err := s.write(ctx, func(tx *transaction) error {
		if only.Given {
			row, err := tx.lockUser(userID)
			if err == nil {
				err = check(only, row.model())
			}
			if err != nil {
				return err
			}
		}
		changes := map[string]any{}
		if p.DisplayName != nil {
			changes["display_name"] = *p.DisplayName
		}
		if p.Description != nil {
			changes["description"] = *p.Description
		}
		if p.DisplayName != nil {
			if err := tx.appendNamesChanged(userID); err != nil {
				return err
			}
		}
		if len(changes) > 0 {
			if err := tx.Model(&userRow{}).Where("id = ?", userID).Updates(changes).Error; err != nil {
				return err
			}
		}
		row, err := findUser(tx.DB, models.UserPath{ID: userID})
		user = row.model()
		return err
	})
	return user, err
}

// Password returns the user who logs in with username and the hash to check, or not_found. Guests have no hash.
func (s *Store) Password(ctx context.Context, username string) (userID int64, hash string, err error) {
	key, ok := models.NameKey(username, models.MaxUsernameLength)
	if !ok {
		return 0, "", models.NotFound()
	}
	row, err := findUser(s.read(ctx), models.UserPath{Key: key})
	return row.ID, row.PasswordHash, err
}

// PasswordOf returns the hash of the user's password, "" where there is none: guests, and accounts that log in through
// a provider.
func (s *Store) PasswordOf(ctx context.Context, userID int64) (hash string, guest bool, err error) {
	row, err := findUser(s.read(ctx), models.UserPath{ID: userID})
	return row.PasswordHash, row.Guest, err
}

// LastProof returns the hash of the caller's password, "" where there is none, and when they last proved who they are:
// when their session began.
func (s *Store) LastProof(ctx context.Context, caller models.Caller) (hash string, at models.Time, err error) {
	var row struct {
		PasswordHash string
		CreatedAt    int64
	}
	found, err := database.Find(s.read(ctx), &row,
		`SELECT u.password_hash, COALESCE((SELECT s.created_at FROM sessions s WHERE s.id = ?), 0) AS
		created_at
		FROM users u WHERE u.id = ?`, caller.SessionID, caller.UserID)
	if err == nil && !found {
		return "", at, models.NotFound()
	}
	return row.PasswordHash, models.FromMillis(row.CreatedAt), err
}

// ChangePassword replaces the hash that the current password was checked against, and revokes all sessions but the
// caller's.
func (s *Store) ChangePassword(ctx context.Context, caller models.Caller, was, is string) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		row, err := tx.lockUser(caller.UserID)
		if err == nil && row.PasswordHash != was {
			err = wrongPassword()
		}
		if err == nil {
			err = s.refuseOtherLogin(tx.DB, row.ID)
		}
		if err != nil {
			return err
		}
		if err := database.Exec(tx.DB, "UPDATE users SET password_hash = ? WHERE id = ?", is, row.ID); err != nil {
			return err
		}
		return tx.revokeAll(row.ID, caller.SessionID, models.RevokedByChange)
	})
	return err
}

func wrongPassword() error {
	return models.Errorf(models.CodeBadCredentials, "The password has just been changed.")
}

// lockUser locks the user's row until the transaction ends.
func (tx *transaction) lockUser(id int64) (userRow, error) {
	var row userRow
	found, err := database.Find(tx.DB, &row,
		"SELECT "+userColumns+" FROM "+liveUsers+" u WHERE id = ?"+tx.store.dialect.ForUpdate(), id)
	if err == nil && !found {
		return row, models.NotFound()
	}
	return row, err
}

func findUser(db *gorm.DB, path models.UserPath) (userRow, error) {
	var row userRow
	q := db.Where("deleted_at = 0").Limit(1)
	if path.Key != "" {
		q = q.Where("username_key = ?", path.Key)
	} else {
		q = q.Where("id = ?", path.ID)
	}
	found := q.Find(&row)
	if found.Error == nil && found.RowsAffected == 0 {
		return row, models.NotFound()
	}
	return row, found.Error
}

func insertUser(tx *transaction, a models.NewAccount) (models.User, error) {
	row, err := newUserRow(a)
	if err != nil {
		return models.User{}, err
	}
	row.CreatedAt = models.Now().Millis()
	err = usernameTaken(tx.Create(&row).Error, row.Username) // sets the row's id
	return row.model(), err
}

func newUserRow(a models.NewAccount) (userRow, error) {
	key, ok := models.NameKey(a.Username, models.MaxUsernameLength)
	if !ok {
		return userRow{}, models.Invalid("username", "is not a username")
	}
	if a.DisplayName == "" {
		a.DisplayName = a.Username
	}
	return userRow{
		Username: a.Username, UsernameKey: key, DisplayName: a.DisplayName, Description: a.Description,
		Guest: a.Guest, PasswordHash: a.PasswordHash,
	}, nil
}

func usernameTaken(err error, username string) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return models.Errorf(models.CodeUsernameTaken, "The username %q is taken.", username)
	}
	return err
}

// SaveLastSeen stores when users were last online. No event reports it: streams learn it from presence.
func (s *Store) SaveLastSeen(ctx context.Context, at map[int64]models.Time) error {
	users := slices.Sorted(maps.Keys(at)) // in one order, so that two nodes do not wait for each other
	for some := range slices.Chunk(users, batchRows) {
		_, err := s.write(ctx, func(tx *transaction) error {
			for _, id := range some {
				if err := database.Exec(tx.DB, "UPDATE users SET last_seen_at = ? WHERE id = ?", at[id].Millis(), id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
