package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
)

// maxBadConns is how many connections of the pool may turn out to be closed before a query fails; database/sql tries as
// often.
const maxBadConns = 3

// ReadPage implements [database.PageReader]. It reads past database/sql, which makes two copies of each value and finds
// out how for each of them: for a long page that is much of the work that this process has with it.
func (Dialect) ReadPage(db *gorm.DB, got func() bool, dest []any, statement string, args ...any) error {
	pool, ok := db.Statement.ConnPool.(*sql.DB)
	if !ok { // a transaction
		return database.Query(db, statement, args...).While(got, dest...)
	}
	var err error
	for range maxBadConns {
		err = readRows(db.Statement.Context, pool, got, dest, statement, args)
		if !errors.Is(err, driver.ErrBadConn) {
			break
		}
	}
	return database.Translate(db, err)
}

// readRows returns [driver.ErrBadConn] where the connection was closed already, which removes it from the pool.
func readRows(
	ctx context.Context, pool *sql.DB, got func() bool, dest []any, statement string, args []any,
) (err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("unexpected type of a PostgreSQL connection: %T", driverConn)
		}
		rows, err := c.Conn().Query(ctx, statement, args...)
		for more := true; more && err == nil && rows.Next(); {
			if err = rows.Scan(dest...); err == nil {
				more = got()
			}
		}
		rows.Close()
		if err == nil {
			err = rows.Err()
		}
		if pgconn.SafeToRetry(err) && ctx.Err() == nil {
			return driver.ErrBadConn
		}
		return err
	})
}
