package store

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

type identityRow struct {
	ID        string
	UserID    int64
	Provider  string
	Issuer    string
	Subject   string
	CreatedAt int64
}

func (identityRow) TableName() string { return "identities" }

func (r identityRow) model() models.Identity {
	return models.Identity{
		ID: r.ID, Provider: r.Provider, Issuer: r.Issuer, Subject: r.Subject, CreatedAt: models.FromMillis(r.CreatedAt),
	}
}

// IssueLoginCode stores a login code for a person's account, which is created when they come for the first time.
func (s *Store) IssueLoginCode(ctx context.Context, p models.Person, code models.LoginCode) error {
	return s.withAccountOf(ctx, p, func(tx *transaction, userID int64) error {
		if p.Issuer != s.product { // the product may also be a provider to log in through
			if err := s.refuseOtherLogin(tx.DB, userID); err != nil {
				return err
			}
		}
		return database.Exec(tx.DB, "INSERT INTO login_codes (hash, browser_hash, user_id, expires_at) VALUES (?, ?, ?, ?)",
			code.Hash, code.BrowserHash, userID, code.ExpiresAt.Millis())
	})
}

// withAccountOf runs f in a transaction with a person's account, which it creates if there is none. If another request
// creates it, or takes its name, at the same moment, it begins again.
func (s *Store) withAccountOf(ctx context.Context, p models.Person, f func(tx *transaction, userID int64) error) error {
	var err error
	for range maxTries {
		_, err = s.write(ctx, func(tx *transaction) error {
			row, err := findIdentity(tx.DB, p)
			if err == nil && row.UserID == 0 {
				row.UserID, err = tx.createAccount(p)
			}
			if err != nil {
				return err
			}
			return f(tx, row.UserID)
		})
		if !errors.Is(err, gorm.ErrDuplicatedKey) && !errors.Is(err, &models.Error{Code: models.CodeUsernameTaken}) {
			break
		}
	}
	return err
}

// createAccount creates the account of a person, under their own name or a similar one.
func (tx *transaction) createAccount(p models.Person) (userID int64, err error) {
	lobby, err := tx.lockLobby()
	if err != nil {
		return 0, err
	}
	account := p.Account()
	if account.DisplayName == "" {
		account.DisplayName = account.Username
	}
	if account.Username, err = freeUsername(tx.DB, account.Username); err != nil {
		return 0, err
	}
	user, err := insertUser(tx, account)
	if err != nil {
		return 0, err
	}
	if err := tx.addToLobby(lobby, user); err != nil {
		return 0, err
	}
	return user.ID, insertIdentity(tx.DB, p, user.ID)
}

// namesakes bounds the numbers that are tried after a name before random letters are.
const namesakes = 9

// freeUsername returns the name, or the first free name of it and a number, or of it and a few random letters. Reserved
// names are never free.
func freeUsername(tx *gorm.DB, name string) (string, error) {
	candidates := []string{name}
	for n := 2; n <= namesakes; n++ {
		candidates = append(candidates, name+strconv.Itoa(n))
	}
	candidates = append(candidates, name+"-"+strings.ToLower(rand.Text()[:6]))
	for _, candidate := range candidates {
		key, ok := models.NameKey(candidate, models.MaxUsernameLength)
		if !ok || models.IsReserved(key) {
			continue
		}
		_, err := findUser(tx, models.UserPath{Key: key})
		if errors.Is(err, models.NotFound()) {
			return candidate, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", usernameTaken(gorm.ErrDuplicatedKey, name)
}

// Link lets a person's log-ins open the user's account too. A guest becomes an account with it. An identity of another
// account is username_taken.
func (s *Store) Link(ctx context.Context, userID int64, p models.Person) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		user, err := tx.lockUser(userID)
		if err == nil {
			err = s.refuseOtherLogin(tx.DB, userID)
		}
		if err != nil {
			return err
		}
		row, err := findIdentity(tx.DB, p)
		switch {
		case err != nil:
			return err
		case row.UserID == userID:
			return nil
		case row.UserID != 0:
			return identityTaken()
		}
		if user.Guest {
			if err := database.Exec(tx.DB, "UPDATE users SET guest = ? WHERE id = ?", false, userID); err != nil {
				return err
			}
			if err := tx.setGuestNetwork(userID, ""); err != nil {
				return err
			}
		}
		if err := insertIdentity(tx.DB, p, userID); err != nil {
			return err
		}
		return tx.limitIdentities(userID)
	})
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return s.linkedMeanwhile(ctx, userID, p)
	}
	return err
}

// linkedMeanwhile is the result of a link that another request made first: it may have been for the same user.
func (s *Store) linkedMeanwhile(ctx context.Context, userID int64, p models.Person) error {
	row, err := findIdentity(s.read(ctx), p)
	if err == nil && row.UserID != userID {
		err = identityTaken()
	}
	return err
}

func identityTaken() error {
	return models.Errorf(models.CodeUsernameTaken, "Your identity at this provider is linked with another account.")
}

// Identities lists what opens the user's account besides a password, the oldest first.
func (s *Store) Identities(ctx context.Context, userID int64) ([]models.Identity, error) {
	var rows []identityRow
	err := s.read(ctx).Where("user_id = ?", userID).Order("created_at, id").Find(&rows).Error
	list := make([]models.Identity, len(rows))
	for i, r := range rows {
		list[i] = r.model()
	}
	return list, err
}

// Unlink removes an identity of the user, unless it is the last way into the account. An identity of the product stays.
func (s *Store) Unlink(ctx context.Context, userID int64, id string) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		user, err := tx.lockUser(userID) // so that of two calls at once one sees the last identity
		if err != nil {
			return err
		}
		var rows []identityRow
		if err := tx.Where("user_id = ?", userID).Find(&rows).Error; err != nil {
			return err
		}
		at := slices.IndexFunc(rows, func(r identityRow) bool { return r.ID == id })
		switch {
		case at < 0:
			return nil
		case s.product != "" && rows[at].Issuer == s.product:
			return s.refuseOtherLogin(tx.DB, userID)
		case len(rows) == 1 && user.PasswordHash == "":
			return models.Errorf(models.CodeForbidden, "This is the only way into your account; set a password first.")
		}
		return database.Exec(tx.DB, "DELETE FROM identities WHERE user_id = ? AND id = ?", userID, id)
	})
	return err
}

// findIdentity returns a person's identity, with user id 0 if there is none.
func findIdentity(db *gorm.DB, p models.Person) (row identityRow, err error) {
	err = db.Where("issuer = ? AND subject = ?", p.Issuer, p.Subject).Limit(1).Find(&row).Error
	return row, err
}

func insertIdentity(tx *gorm.DB, p models.Person, userID int64) error {
	return tx.Create(&identityRow{
		ID: rand.Text(), UserID: userID, Provider: p.Provider, Issuer: p.Issuer, Subject: p.Subject, CreatedAt: models.Now().
			Millis(),
	}).Error
}

// otherLoginsBatch bounds the sessions that one transaction revokes.
const otherLoginsBatch = 200

// refuseOtherLogin refuses another way into the account of a product's user: users that the product has removed could
// return by it.
func (s *Store) refuseOtherLogin(db *gorm.DB, userID int64) error {
	if s.product == "" {
		return nil
	}
	var known int64
	err := database.Scan(db, &known, "SELECT count(*) FROM identities WHERE user_id = ? AND issuer = ?", userID, s.product)
	if err == nil && known > 0 {
		err = models.Errorf(models.CodeForbidden, "This account belongs to %s, whose tokens are the only way into it.",
			s.product)
	}
	return err
}

// followNames gives a product's user the names that their token has, if they differ: the display name, and the username
// if it is valid and free. A name that the token does not have stays.
func (tx *transaction) followNames(userID int64, p models.Person) error {
	user, err := findUser(tx.DB, models.UserPath{ID: userID})
	if err != nil {
		return err
	}
	changes := map[string]any{}
	if shown := p.ShownName(); shown != "" && shown != user.DisplayName {
		changes["display_name"] = shown
	}
	if username := p.Username(); username != "" && username != user.Username {
		key, ok, err := tx.keyForRename(user, username)
		if err != nil {
			return err
		}
		if ok {
			changes["username"], changes["username_key"] = username, key
			tx.renameUser(user)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	if err := tx.appendNamesChanged(userID); err != nil {
		return err
	}
	return tx.Model(&userRow{}).Where("id = ?", userID).Updates(changes).Error
}

// keyForRename returns the key of a valid username; ok is false when another user has it, or it is reserved.
func (tx *transaction) keyForRename(user userRow, username string) (key string, ok bool, err error) {
	key, _ = models.NameKey(username, models.MaxUsernameLength)
	if key != user.UsernameKey && models.IsReserved(key) {
		return key, false, nil
	}
	owner, err := findUser(tx.DB, models.UserPath{Key: key})
	if errors.Is(err, models.NotFound()) {
		return key, true, nil
	}
	return key, err == nil && owner.ID == user.ID, err
}

// otherLogins are the sessions of a product's users that no token of the product has opened, where the account has
// another way in: a password, or an identity of another issuer.
var otherLogins = "SELECT " + sessionColumns + ` FROM sessions s JOIN identities i ON i.user_id = s.user_id AND
	i.issuer = ?
	JOIN users u ON u.id = s.user_id WHERE NOT s.vouched AND s.revoked_at = 0 AND s.expires_at > ?
	AND (u.password_hash <> '' OR EXISTS (SELECT 1 FROM identities o WHERE o.user_id = s.user_id AND o.issuer <> ?)) LIMIT
	?`

// endOtherLogins revokes, once after the start, a batch of the sessions that a product's users have opened in other
// ways while these were allowed.
func (s *Store) endOtherLogins(ctx context.Context) (more bool, err error) {
	if s.product == "" || s.otherLoginsEnded {
		return false, nil
	}
	_, err = s.write(ctx, func(tx *transaction) error {
		var rows []sessionRow
		err := database.Scan(tx.DB, &rows, otherLogins, s.product, models.Now().Millis(), s.product, otherLoginsBatch)
		if err == nil {
			err = revokeEach(tx, rows, models.RevokedByLogOut)
		}
		more = len(rows) == otherLoginsBatch
		return err
	})
	s.otherLoginsEnded = err == nil && !more
	return more, err
}

// limitIdentities is an error for a user who has linked more identities than the limit.
func (tx *transaction) limitIdentities(userID int64) error {
	return tx.refuseAbove(models.MaxIdentitiesPerUser, "Your account has %d identities, which is as many as one may have.",
		"identities", "user_id = ?", userID)
}

// ProvisionUser returns the user that a product's token vouches for. The account is created when they come for the
// first time, and a session for each token, which ends with it; one that was logged out stays so. With each new token
// the user gets the names in it.
func (s *Store) ProvisionUser(ctx context.Context, a models.ProductToken) (userID int64, err error) {
	userID, err = s.useSession(ctx, a.SessionID)
	if err != nil || userID != 0 {
		return userID, err
	}
	var spent int64
	err = database.Scan(s.read(ctx), &spent, "SELECT count(*) FROM spent_tokens WHERE session_id = ?", a.SessionID)
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
		err := database.Exec(tx.DB,
			`INSERT INTO sessions (id, user_id, user_agent, ip, created_at, last_used_at, expires_at, vouched)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
			a.SessionID, id, a.Device.UserAgent, a.Device.IP, now, now, a.ExpiresAt.Millis(), true)
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
