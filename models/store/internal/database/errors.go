package database

import (
	"errors"
	"time"

	"github.com/parley-chat/parley/models"
)

// Unavailable is the error while the database cannot be reached.
func Unavailable(err error) error {
	return &models.Error{
		Code: models.CodeUnavailable, Message: "The database is not responding; try again.",
		RetryAfter: time.Second, Err: err,
	}
}

// ErrCommit marks a transaction whose COMMIT failed: it is not known whether it took place.
var ErrCommit = errors.New("commit")

// ErrNoHead means that the head row of the event log is missing: without it, no positions can be assigned.
var ErrNoHead = errors.New("the head row of the event log is missing")
