package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"modernc.org/sqlite"
)

// keptStatements bounds the prepared statements that a connection to SQLite keeps.
const keptStatements = 256

// sqliteConnector opens connections that keep their prepared statements, as pgx does by itself. SQLite takes longer to
// compile a short statement than to run it, and what database/sql or gorm keep is lost at the end of each transaction.
type sqliteConnector struct{ driver.Connector }

func newSQLiteConnector(dsn string) (driver.Connector, error) {
	c, err := sqlite.NewConnector(dsn)
	return sqliteConnector{c}, err
}

// sqliteDriverConn is what the driver's connections can do, except for running a statement directly: without that,
// database/sql prepares each statement first, with prepare below.
type sqliteDriverConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// sqliteStatement is what the driver's statements can do.
type sqliteStatement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func (c sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := opened.(sqliteDriverConn)
	if !ok {
		return nil, fmt.Errorf("a connection of type %T does not have the methods that are needed", opened)
	}
	return &sqliteConn{sqliteDriverConn: conn, kept: map[string]sqliteStatement{}}, nil
}

// sqliteConn is a connection. database/sql ensures that only one goroutine uses it at a time.
type sqliteConn struct {
	sqliteDriverConn
	kept map[string]sqliteStatement // those that are not in use
	args []driver.NamedValue        // of the statement that runs, see bind
}

// PrepareContext takes a kept statement or prepares one. Closing it keeps it: two uses of the same text at once, such
// as the rows of one that are still being read, never share a statement.
func (c *sqliteConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	return c.prepare(ctx, text)
}

func (c *sqliteConn) prepare(ctx context.Context, text string) (*keptStatement, error) {
	if s, ok := c.kept[text]; ok {
		delete(c.kept, text)
		return &keptStatement{s, c, text}, nil
	}
	prepared, err := c.sqliteDriverConn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(sqliteStatement)
	if !ok {
		return nil, fmt.Errorf("a statement of type %T does not have the methods that are needed", prepared)
	}
	return &keptStatement{s, c, text}, nil
}

// Close closes the kept statements first: SQLite keeps a connection, and its file, open for as long as there is one.
func (c *sqliteConn) Close() error {
	var errs []error
	for _, s := range c.kept {
		errs = append(errs, s.Close())
	}
	clear(c.kept)
	return errors.Join(append(errs, c.sqliteDriverConn.Close())...)
}

// keptStatement is a statement in use.
type keptStatement struct {
	sqliteStatement
	conn *sqliteConn
	text string
}

// Close returns the statement to its connection.
func (s *keptStatement) Close() error {
	kept := s.conn.kept
	if _, twice := kept[s.text]; twice {
		return s.sqliteStatement.Close()
	}
	if len(kept) >= keptStatements {
		for text, other := range kept { // any of them: a caller with so many texts makes new ones all the time
			delete(kept, text)
			if err := other.Close(); err != nil {
				return err
			}
			break
		}
	}
	kept[s.text] = s.sqliteStatement
	return nil
}

// What follows is for the commit queue (send.go), which holds the connection and needs nothing of what database/sql
// does. There is no context: one that can end would cost a goroutine for each statement.

// statement takes the statement of a text. It has to be closed, which keeps it.
func (c *sqliteConn) statement(text string) (*keptStatement, error) {
	return c.prepare(context.Background(), text)
}

// run runs a statement that returns no rows.
func (c *sqliteConn) run(text string, args ...driver.Value) error {
	s, err := c.statement(text)
	if err != nil {
		return err
	}
	return errors.Join(s.run(args...), s.Close())
}

func (s *keptStatement) run(args ...driver.Value) error {
	_, err := s.ExecContext(context.Background(), s.conn.bind(args))
	return err
}

// change runs a statement, and returns the number of rows that changed.
func (s *keptStatement) change(args ...driver.Value) (rows int64, err error) {
	result, err := s.ExecContext(context.Background(), s.conn.bind(args))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query calls got with each row that a statement returns. The row is only valid until got returns.
func (c *sqliteConn) query(text string, got func(row []driver.Value), args ...driver.Value) error {
	s, err := c.statement(text)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), c.bind(args))
	if err != nil {
		return errors.Join(err, s.Close())
	}
	row := make([]driver.Value, len(rows.Columns()))
	for err = rows.Next(row); err == nil; err = rows.Next(row) {
		got(row)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close(), s.Close())
}

// bind makes arguments of values, in a slice that is used again.
func (c *sqliteConn) bind(values []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, v := range values {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.args
}
