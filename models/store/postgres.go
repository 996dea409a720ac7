package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
)

// postgresConns is the size of the pool where the URL names none (pool_max_conns). Groups of messages need one.
const postgresConns = 16

type postgresDialect struct{ url string }

// claim lets other nodes be at work on the database too.
func (d postgresDialect) claim(ctx context.Context) (release func() error, err error) {
	pool, err := d.pool(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	err = checkVersion(ctx, pool, "postgres", "SELECT to_regclass('"+versionTable+"') IS NOT NULL")
	return func() error { return nil }, errors.Join(err, pool.Close())
}

func (d postgresDialect) open(ctx context.Context) (writer, reader *gorm.DB, err error) {
	pool, err := d.pool(ctx)
	if err != nil {
		return nil, nil, err
	}
	db, err := openGorm(judgingDialector{gormpostgres.Dialector{Config: &gormpostgres.Config{Conn: pool}}}, gormConfig())
	return db, db, err
}

// pool wraps pgx's own pool, which checks its connections' health, as database/sql.
func (d postgresDialect) pool(ctx context.Context) (*sql.DB, error) {
	config, err := pgxpool.ParseConfig(d.url)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(d.url, "pool_max_conns=") {
		config.MaxConns = postgresConns
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return sql.OpenDB(closingConnector{stdlib.GetPoolConnector(pool), pool}), nil
}

// judgingDialector tells a database that cannot be reached from a statement that failed.
type judgingDialector struct{ gormpostgres.Dialector }

func (d judgingDialector) Translate(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // the edge knows what to make of them
		return err
	case isConnectionError(err):
		return database.Unavailable(err)
	}
	return d.Dialector.Translate(err)
}

// isConnectionError reports whether it is the connection that failed. Whatever the server says to a new connection is
// such an error: it may be starting, full, or closed by its operator.
func isConnectionError(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true
	}
	var e *pgconn.PgError
	if errors.As(err, &e) { // connection lost; out of resources; shut down by its operator; a standby
		return e.Code[:2] == "08" || e.Code[:2] == "53" || e.Code[:3] == "57P" || e.Code == "25006"
	}
	var network *net.OpError
	return errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed)
}

func (postgresDialect) shared() bool { return true }

func (postgresDialect) forUpdate() string { return " FOR UPDATE" }

func (postgresDialect) skipLocked() string { return " FOR UPDATE SKIP LOCKED" }

// transient: a deadlock's victim (40P01) and a failed serialization (40001) were rolled back whole.
func (postgresDialect) transient(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40P01" || e.Code == "40001")
}

// origins is the cluster's identifier and the database's number in it: a dump that is loaded elsewhere has another. Where
// the cluster's identifier is not ours to read, the number alone must do.
func (postgresDialect) origins(ctx context.Context, db *gorm.DB) ([]string, error) {
	var cluster, oid int64
	err := db.WithContext(ctx).Raw("SELECT oid::bigint FROM pg_database WHERE datname = current_database()").Scan(&oid).Error
	if err != nil {
		return nil, err
	}
	var readable bool
	err = db.WithContext(ctx).Raw("SELECT has_function_privilege('pg_control_system()', 'execute')").Scan(&readable).Error
	if err != nil {
		return nil, err
	}
	if readable {
		err = db.WithContext(ctx).Raw("SELECT system_identifier FROM pg_control_system()").Scan(&cluster).Error
	}
	return []string{fmt.Sprintf("postgres:%d/%d", cluster, oid)}, err
}

// leaveMark has nothing to do: a database that was restored has another number, or lives in another cluster.
func (postgresDialect) leaveMark(context.Context, *gorm.DB) error { return nil }

func (d postgresDialect) provider(ctx context.Context) (*goose.Provider, *sql.DB, error) {
	pool, err := d.pool(ctx)
	if err != nil {
		return nil, nil, err
	}
	// Starts that meet ask each second whether the other one has finished; goose's own five seconds are long for a start.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, nil, errors.Join(err, pool.Close())
	}
	p, err := newProvider(goose.DialectPostgres, pool, "postgres", goose.WithSessionLocker(locker))
	return p, pool, err
}

func (d postgresDialect) migrate(ctx context.Context) (err error) {
	p, pool, err := d.provider(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	_, err = p.Up(ctx)
	return err
}

func (d postgresDialect) migrations(ctx context.Context) (_ []Migration, err error) {
	p, pool, err := d.provider(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	return statusOf(ctx, p)
}
