package store

import (
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// What one user or one room may have is limited, so that nothing that is read or changed at once grows without end.
// Each limit is checked after the row was added, and its error takes the row back. Rows that are added at the same
// moment on several nodes may exceed a limit by a few.

// exceeds reports whether a condition holds for more rows than limit. It counts no further.
func (tx *transaction) exceeds(limit int, table, where string, args ...any) (bool, error) {
	var n int
	err := database.Scan(tx.DB, &n, "SELECT count(*) FROM (SELECT 1 FROM "+table+" WHERE "+where+" LIMIT ?) AS counted",
		append(args, limit+1)...)
	return n > limit, err
}

// refuseAbove is an error with a message, which has a %d for the limit, when a condition holds for more rows than
// limit.
func (tx *transaction) refuseAbove(limit int, message, table, where string, args ...any) error {
	exceeded, err := tx.exceeds(limit, table, where, args...)
	if err == nil && exceeded {
		err = models.Errorf(models.CodeForbidden, message, limit)
	}
	return err
}
