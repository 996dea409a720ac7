package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// flowGrace is how long after its end a log-in is still known, so that the error can say that it took too long.
const flowGrace = time.Hour

type authFlowRow struct {
	StateHash   string
	BrowserHash string
	Provider    string
	Nonce       string
	Verifier    string
	Callback    string
	Redirect    string
	UserID      int64
	SessionID   string
	ExpiresAt   int64
}

func (authFlowRow) TableName() string { return "auth_flows" }

// BeginFlow stores a log-in that a browser has begun.
func (s *Store) BeginFlow(ctx context.Context, f models.AuthFlow) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		return tx.Create(&authFlowRow{
			StateHash: f.StateHash, BrowserHash: f.BrowserHash, Provider: f.Provider, Nonce: f.Nonce, Verifier: f.Verifier,
			Callback: f.Callback, Redirect: f.Redirect, UserID: f.Linker.UserID, SessionID: f.Linker.SessionID,
			ExpiresAt: f.ExpiresAt.Millis(),
		}).Error
	})
	return err
}

// TakeFlow removes and returns the log-in that has the state, the browser and the provider of f: one of many calls gets
// it. It stays for its own browser when another one asks, for which the error is bad_credentials; a log-in that took
// too long is expired.
func (s *Store) TakeFlow(ctx context.Context, f models.AuthFlow) (models.AuthFlow, error) {
	var row authFlowRow
	_, err := s.write(ctx, func(tx *transaction) error {
		return takeRow(tx.DB, &row, "DELETE FROM auth_flows WHERE state_hash = ? AND browser_hash = ? AND provider = ? "+
			"RETURNING "+flowColumns,
			f.StateHash, f.BrowserHash, f.Provider)
	})
	switch {
	case err != nil:
		return models.AuthFlow{}, err
	case row.StateHash == "":
		return models.AuthFlow{}, models.Errorf(models.CodeBadCredentials,
			"This browser has not begun such a log-in.")
	case row.ExpiresAt <= models.Now().Millis():
		return models.AuthFlow{}, models.Errorf(models.CodeExpired, "This log-in took too long; begin again.")
	}
	return models.AuthFlow{
		StateHash: row.StateHash, BrowserHash: row.BrowserHash, Provider: row.Provider, Nonce: row.Nonce,
		Verifier: row.Verifier,
		Callback: row.Callback, Redirect: row.Redirect, ExpiresAt: models.FromMillis(row.ExpiresAt),
		Linker: models.Caller{UserID: row.UserID, SessionID: row.SessionID},
	}, nil
}

// takeRow runs a statement that returns the one row that it deletes; row stays empty when there is none.
func takeRow[T any](tx *gorm.DB, row *T, statement string, args ...any) error {
	var none T
	*row = none
	return database.Scan(tx, row, statement, args...)
}

// LogInWithCode spends a login code and opens a session for its user.
func (s *Store) LogInWithCode(
	ctx context.Context, code models.LoginCode, n models.NewSession, call *models.IdempotentCall,
) (models.Login, error) {
	var login models.Login
	_, err := s.writeIdempotent(ctx, call, func(tx *transaction) (any, error) {
		var spent struct{ UserID, ExpiresAt int64 }
		err := takeRow(tx.DB, &spent, "DELETE FROM login_codes WHERE hash = ? AND browser_hash = ? RETURNING user_id, "+
			"expires_at",
			code.Hash, code.BrowserHash)
		if err == nil && spent.ExpiresAt <= models.Now().Millis() { // also true when there is no such code
			err = models.Errorf(models.CodeBadCredentials, "This login code is not valid, or is for another browser.")
		}
		if err != nil {
			return nil, err
		}
		row, err := tx.lockUser(spent.UserID)
		if isNotFound(err) {
			err = models.Errorf(models.CodeBadCredentials, "This login code is for an account that no longer exists.")
		}
		if err != nil {
			return nil, err
		}
		login, err = insertSession(tx, row.model(), n)
		return login, err
	})
	return login, err
}

// pruneFlows deletes log-ins through providers that were not completed, and codes that were not used.
func (s *Store) pruneFlows(ctx context.Context) (more bool, err error) {
	more, err = s.prune(ctx, "login_codes", "hash", "expires_at < ?", before(0))
	if err != nil || more {
		return more, err
	}
	return s.prune(ctx, "auth_flows", "state_hash", "expires_at < ?", before(flowGrace))
}
