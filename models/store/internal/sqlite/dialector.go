package sqlite

import (
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/parley-chat/parley/models/store/internal/database"
)

// dialector is gorm's view of SQLite as modernc.org/sqlite provides it. gorm's own driver for SQLite links a second,
// C-based SQLite into the program.
type dialector struct{ pool *sql.DB }

var (
	_ gorm.Dialector       = dialector{}
	_ gorm.ErrorTranslator = dialector{}
)

// Name implements [gorm.Dialector].
func (dialector) Name() string { return "sqlite" }

// Initialize implements [gorm.Dialector]. A created row gets its id by RETURNING.
func (d dialector) Initialize(db *gorm.DB) error {
	db.ConnPool = d.pool
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses: []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses: []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses: []string{"DELETE", "FROM", "WHERE", "RETURNING"},
	})
	db.ClauseBuilders["LIMIT"] = buildLimit
	return nil
}

// buildLimit writes a limit as a literal: SQLite compiles a statement anew each time when its LIMIT is a parameter.
func buildLimit(c clause.Clause, builder clause.Builder) {
	limit, ok := c.Expression.(clause.Limit)
	if !ok || limit.Limit == nil || limit.Offset > 0 {
		c.Build(builder)
		return
	}
	_, _ = builder.WriteString("LIMIT " + strconv.Itoa(*limit.Limit))
}

// Migrator implements [gorm.Dialector]. The schema is made by the SQL migrations alone.
func (d dialector) Migrator(db *gorm.DB) gorm.Migrator {
	return migrator.Migrator{Config: migrator.Config{DB: db, Dialector: d}}
}

// DataTypeOf implements [gorm.Dialector]: the column types of SQLite's STRICT tables.
func (dialector) DataTypeOf(field *schema.Field) string {
	switch field.DataType {
	case schema.Bool, schema.Int, schema.Uint:
		return "INTEGER"
	case schema.Float:
		return "REAL"
	case schema.String:
		return "TEXT"
	case schema.Bytes:
		return "BLOB"
	}
	return string(field.DataType)
}

// DefaultValueOf implements [gorm.Dialector]. SQLite has no DEFAULT in VALUES; NULL lets it assign a row its id.
func (dialector) DefaultValueOf(*schema.Field) clause.Expression { return clause.Expr{SQL: "NULL"} }

// BindVarTo implements [gorm.Dialector].
func (dialector) BindVarTo(writer clause.Writer, _ *gorm.Statement, _ any) { _ = writer.WriteByte('?') }

// QuoteTo implements [gorm.Dialector]. It quotes each part of a dotted name.
func (dialector) QuoteTo(writer clause.Writer, name string) {
	for i, part := range strings.Split(name, ".") {
		if i > 0 {
			_ = writer.WriteByte('.')
		}
		_, _ = writer.WriteString("`" + strings.ReplaceAll(part, "`", "``") + "`")
	}
}

// Explain implements [gorm.Dialector]. It leaves the values out: nothing logs them, and gorm would format them for each
// Scan.
func (dialector) Explain(statement string, _ ...any) string { return statement }

// Translate implements [gorm.ErrorTranslator]. The codes are SQLite's extended ones
// (https://www.sqlite.org/rescode.html); their low byte is the kind of the error.
func (dialector) Translate(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return gorm.ErrDuplicatedKey
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return gorm.ErrForeignKeyViolated
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return database.Unavailable(err)
	}
	return err
}
