package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
)

// defaultConns is the size of the pool where the URL names none (pool_max_conns). The commit queue needs one of them.
const defaultConns = 16

// Dialect is a PostgreSQL database.
type Dialect struct{ url string }

// New returns the dialect of the database that a URL names.
func New(url string) Dialect { return Dialect{url} }

// Claim implements [database.Dialect]. Other nodes may use the database at the same time.
func (d Dialect) Claim(ctx context.Context) (release func() error, err error) {
	pool, err := d.pool(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	err = database.CheckVersion(ctx, pool, "postgres", "SELECT to_regclass('"+database.VersionTable+"') IS NOT NULL")
	return func() error { return nil }, errors.Join(err, pool.Close())
}

// Open implements [database.Dialect].
func (d Dialect) Open(ctx context.Context) (writer, reader *gorm.DB, err error) {
	pool, err := d.pool(ctx)
	if err != nil {
		return nil, nil, err
	}
	db, err := database.OpenGorm(dialector{gormpostgres.Dialector{Config: &gormpostgres.Config{Conn: pool}}})
	return db, db, err
}

// pool wraps pgx's own pool, which checks its connections' health, as database/sql.
func (d Dialect) pool(ctx context.Context) (*sql.DB, error) {
	config, err := pgxpool.ParseConfig(d.url)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(d.url, "pool_max_conns=") {
		config.MaxConns = defaultConns
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

// dialector is gorm's, but distinguishes a database that cannot be reached from a statement that failed.
type dialector struct{ gormpostgres.Dialector }

// Explain implements [gorm.Dialector]. It leaves the values out: nothing logs them, and gorm would format them for each
// Scan.
func (dialector) Explain(statement string, _ ...any) string { return statement }

// Translate implements [gorm.ErrorTranslator].
func (d dialector) Translate(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // the caller gave up
		return err
	case isConnectionError(err):
		return database.Unavailable(err)
	}
	return d.Dialector.Translate(err)
}

// isConnectionError reports whether it is the connection that failed. Any error of a new connection counts: the server
// may be starting, full, or stopped by its operator.
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

// Shared implements [database.Dialect].
func (Dialect) Shared() bool { return true }

// ForUpdate implements [database.Dialect].
func (Dialect) ForUpdate() string { return " FOR UPDATE" }

// SkipLocked implements [database.Dialect].
func (Dialect) SkipLocked() string { return " FOR UPDATE SKIP LOCKED" }

// Transient implements [database.Dialect]: after a deadlock (40P01) and a failed serialization (40001) all was rolled
// back.
func (Dialect) Transient(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40P01" || e.Code == "40001")
}

// Refused implements [database.Dialect]: data that is wrong (22) or violates a constraint (23), a limit of the server
// (54), and what a trigger raises (P0).
func (Dialect) Refused(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && slices.Contains([]string{"22", "23", "54", "P0"}, e.Code[:2])
}

// LimitIdle implements [database.Dialect].
func (Dialect) LimitIdle(tx *gorm.DB, limit time.Duration) error {
	return database.ExecDirect(tx, "SELECT set_config('idle_in_transaction_session_timeout', $1, true)",
		strconv.FormatInt(limit.Milliseconds(), 10))
}

// Origins returns the cluster's identifier and the database's number in it: a dump that is loaded elsewhere has other
// ones. Without the right to read the cluster's identifier, the number alone must do.
func (Dialect) Origins(ctx context.Context, db *gorm.DB) ([]string, error) {
	var cluster, oid int64
	err := database.Scan(db.WithContext(ctx), &oid,
		"SELECT oid::bigint FROM pg_database WHERE datname = current_database()")
	if err != nil {
		return nil, err
	}
	var readable bool
	err = database.Scan(db.WithContext(ctx), &readable, "SELECT has_function_privilege('pg_control_system()', 'execute')")
	if err != nil {
		return nil, err
	}
	if readable {
		err = database.Scan(db.WithContext(ctx), &cluster, "SELECT system_identifier FROM pg_control_system()")
	}
	return []string{fmt.Sprintf("postgres:%d/%d", cluster, oid)}, err
}

// LeaveMark has nothing to do: a database that was restored has another number, or is in another cluster.
func (Dialect) LeaveMark(context.Context, *gorm.DB) error { return nil }

// Provider returns what runs the migrations, and the pool that it uses, which the caller closes.
func (d Dialect) Provider(ctx context.Context) (*goose.Provider, *sql.DB, error) {
	pool, err := d.pool(ctx)
	if err != nil {
		return nil, nil, err
	}
	// Nodes that start together ask each second whether the other one has finished; goose's five seconds are too long.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, nil, errors.Join(err, pool.Close())
	}
	p, err := database.NewProvider(goose.DialectPostgres, pool, "postgres", goose.WithSessionLocker(locker))
	return p, pool, err
}

// Migrate implements [database.Dialect].
func (d Dialect) Migrate(ctx context.Context) (err error) {
	p, pool, err := d.Provider(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	_, err = p.Up(ctx)
	return err
}

// Migrations implements [database.Dialect].
func (d Dialect) Migrations(ctx context.Context) (_ []database.Migration, err error) {
	p, pool, err := d.Provider(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	return database.Status(ctx, p)
}

// closingConnector closes pgx's pool together with the database/sql pool on top of it, which by itself would leave the
// connections and the pool's goroutines behind.
type closingConnector struct {
	driver.Connector
	pool *pgxpool.Pool
}

// Connect implements [driver.Connector].
func (c closingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	return c.Connector.Connect(ctx)
}

// Close is called by database/sql once all its connections are returned.
func (c closingConnector) Close() error {
	c.pool.Close()
	return nil
}
