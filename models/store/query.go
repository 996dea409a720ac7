package store

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"
)

// query runs a statement past gorm, which takes each row apart by reflection: what is read all the time is scanned by hand.
// The parameters are $1, $2 and so on, in the order in which the text first names them; both databases take them so.
//
// SQLite compiles a statement anew each time when a LIMIT is nothing but a parameter: it looks at the value. Hence "+ 0".
func (s *Store) query(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	return queryIn(s.read(ctx), statement, args...)
}

// queryIn is query on db, which may be a transaction.
func queryIn(db *gorm.DB, statement string, args ...any) (*sql.Rows, error) {
	rows, err := db.Statement.ConnPool.QueryContext(db.Statement.Context, statement, args...)
	return rows, judged(db, err)
}

// scanRows scans each row into dest, calls got, and closes rows.
func scanRows(rows *sql.Rows, got func(), dest ...any) error {
	return scanWhile(rows, func() bool { got(); return true }, dest...)
}

// scanWhile is scanRows that reads no further once got reports false.
func scanWhile(rows *sql.Rows, got func() bool, dest ...any) error {
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return errors.Join(err, rows.Close())
		}
		if !got() {
			break
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
