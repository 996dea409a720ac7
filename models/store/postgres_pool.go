package store

import (
	"context"
	"database/sql/driver"

	"github.com/jackc/pgx/v5/pgxpool"
)

// closingConnector closes pgx's pool along with the database/sql pool that stands on it, which by itself would leave
// the connections and the pool's goroutines behind.
type closingConnector struct {
	driver.Connector
	pool *pgxpool.Pool
}

func (c closingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	return c.Connector.Connect(ctx)
}

// Close is called by database/sql once all its connections are given back.
func (c closingConnector) Close() error {
	c.pool.Close()
	return nil
}
