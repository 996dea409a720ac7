package store

import (
	"errors"
	"time"

	"github.com/parley-chat/parley/models"
)

// errCommit marks a transaction whose COMMIT failed: whether it took place is not known.
var errCommit = errors.New("commit")

// errNoHead says that positions cannot be given out.
var errNoHead = errors.New("the log has lost its head row")

// commitFailed is the answer to a change whose commit failed. The client finds out by asking again.
func commitFailed(err error) error {
	return &models.Error{
		Code:       models.CodeUnavailable,
		Message:    "The database failed while committing; the change may have taken place. Ask again, with the same Idempotency-Key.",
		RetryAfter: time.Second, Err: errors.Join(errCommit, err),
	}
}

// isRefusal reports whether err is an answer to one caller, rather than a failure of the database.
func isRefusal(err error) bool {
	var refusal *models.Error
	var replayed *models.Replayed
	return errors.As(err, &replayed) || errors.As(err, &refusal) && refusal.Code != models.CodeUnavailable
}
