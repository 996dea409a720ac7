package database

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/parley-chat/parley/models"
)

// OpenGorm opens gorm on a dialect. Connections keep their prepared statements themselves (pgx's own, and those of
// package sqlite), so gorm prepares none.
func OpenGorm(dialector gorm.Dialector) (*gorm.DB, error) {
	db, err := gorm.Open(dialector, &gorm.Config{
		QueryFields:            true, // columns by name: see the store's columnsOf
		SkipDefaultTransaction: true,
		TranslateError:         true,
		Logger:                 logger.Discard, // errors are returned, and logged once, by the caller of the store
	})
	if err != nil {
		return nil, err
	}
	// gorm returns errors of raw queries without asking the dialect what they mean. Untranslated, an unreachable database
	// would look like a defect.
	err = db.Callback().Row().After("gorm:row").Register("parley:translate", func(tx *gorm.DB) {
		tx.Error = Translate(tx, tx.Error)
	})
	return db, err
}

// Translate returns what the dialect of db makes of an error of the driver that did not come through gorm.
func Translate(db *gorm.DB, err error) error {
	var known *models.Error
	translator, ok := db.Dialector.(gorm.ErrorTranslator)
	if err == nil || !ok || errors.As(err, &known) {
		return err
	}
	return translator.Translate(err)
}

// Scan runs raw SQL on db, which may be a transaction, and reads its rows into dest as gorm does: a value, a row type,
// or a slice of either. Each ? of the text is a parameter, and a slice as a parameter is a list (IN ?). Without a row,
// a value and a row type stay as they are.
func Scan(db *gorm.DB, dest any, statement string, args ...any) error {
	_, err := Find(db, dest, statement, args...)
	return err
}

// Find is Scan that reports whether there was a row.
func Find(db *gorm.DB, dest any, statement string, args ...any) (found bool, err error) {
	// gorm's own Scan would also render the text with its parameters, for a log, each time.
	q := db.Raw(statement, args...)
	rows, err := q.Rows()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, Translate(db, rows.Close())) }()
	if !rows.Next() {
		return false, Translate(db, rows.Err())
	}
	err = q.ScanRows(rows, dest)
	return q.RowsAffected > 0, err
}

// While is Scan that reads one row after the other, until got returns false.
func While[R any](db *gorm.DB, got func(R) bool, statement string, args ...any) (err error) {
	q := db.Raw(statement, args...)
	rows, err := q.Rows()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, Translate(db, rows.Close())) }()
	for rows.Next() {
		var row R
		if err := q.ScanRows(rows, &row); err != nil {
			return err
		}
		if !got(row) {
			return nil
		}
	}
	return Translate(db, rows.Err())
}

// Exec runs raw SQL that returns no rows, with the parameters of Scan.
func Exec(db *gorm.DB, statement string, args ...any) error {
	_, err := ExecRows(db, statement, args...)
	return err
}

// ExecRows is Exec that returns how many rows were written.
func ExecRows(db *gorm.DB, statement string, args ...any) (n int64, err error) {
	done := db.Exec(statement, args...)
	return done.RowsAffected, done.Error
}

// Query runs raw SQL on db, which may be a transaction, past gorm's reflection: what is read all the time is scanned by
// hand. The parameters are $1, $2 and so on, in the order in which the text first names them; both databases take them
// so.
//
// SQLite compiles a statement anew each time when a LIMIT is nothing but a parameter, whose value it looks at. So
// callers write "LIMIT $2 + 0".
func Query(db *gorm.DB, statement string, args ...any) Rows {
	return QueryContext(db.Statement.Context, db, statement, args...)
}

// QueryContext is Query with another context than that of db.
func QueryContext(ctx context.Context, db *gorm.DB, statement string, args ...any) Rows {
	rows, err := db.Statement.ConnPool.QueryContext(ctx, statement, args...) //nolint:rowserrcheck // While checks it
	return Rows{db: db, rows: rows, err: err}
}

// Rows is the result of a query, or the error of one that failed. Its caller reads it with Each or While, once.
type Rows struct {
	db   *gorm.DB
	rows *sql.Rows
	err  error
}

// Each scans each row into dest and calls got. It returns the error of the query, too.
func (r Rows) Each(got func(), dest ...any) error {
	return r.While(func() bool { got(); return true }, dest...)
}

// While is Each that stops once got returns false.
func (r Rows) While(got func() bool, dest ...any) error {
	if r.err != nil {
		return Translate(r.db, r.err)
	}
	var err error
	for more := true; more && err == nil && r.rows.Next(); {
		if err = r.rows.Scan(dest...); err == nil {
			more = got()
		}
	}
	return Translate(r.db, errors.Join(err, r.rows.Err(), r.rows.Close()))
}

// ExecDirect is Exec past gorm, with the parameters of Query. Its errors are those of the driver.
func ExecDirect(db *gorm.DB, statement string, args ...any) error {
	_, err := db.Statement.ConnPool.ExecContext(db.Statement.Context, statement, args...)
	return err
}
