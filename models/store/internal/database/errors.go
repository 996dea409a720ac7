package database

import (
	"time"

	"github.com/parley-chat/parley/models"
)

// Unavailable is the error while the database cannot be reached.
func Unavailable(err error) error {
	return &models.Error{
		Code: models.CodeUnavailable, Message: "The database does not answer; try again.", RetryAfter: time.Second, Err: err,
	}
}
