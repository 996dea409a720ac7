package database

import (
	"errors"
	"time"

	"github.com/parley-chat/parley/models"
)

// Unavailable is the error while the database cannot be reached.
func Unavailable(err error) error {
	return &models.Error{
		Code: models.CodeUnavailable, Message: "The database does not answer; try again.", RetryAfter: time.Second, Err: err,
	}
}

// ErrCommit marks a transaction whose COMMIT failed: it is not known whether it took place.
var ErrCommit = errors.New("commit")

// ErrNoHead says that the log has lost its head row, without which no positions can be given out.
var ErrNoHead = errors.New("the log has lost its head row")
