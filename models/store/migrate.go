package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/parley-chat/parley/migrations"
	"github.com/parley-chat/parley/models"
)

// lockRetry is how often a start asks whether another one has finished migrating.
const lockRetry = 50 * time.Millisecond

// Migration is one step of the schema. AppliedAt is zero while it is pending.
type Migration struct {
	Name      string
	AppliedAt models.Time
}

// Migrate brings database (a URL or a path, as in Config) to the newest schema. It is safe when several nodes do it at
// once. A SQLite database that a server has open is not migrated.
func Migrate(ctx context.Context, database string) (err error) {
	d, err := dialectFor(database)
	if err != nil {
		return err
	}
	release, err := d.claim(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return d.migrate(ctx)
}

// Migrations lists the migrations of database in their order.
func Migrations(ctx context.Context, database string) ([]Migration, error) {
	d, err := dialectFor(database)
	if err != nil {
		return nil, err
	}
	return d.migrations(ctx)
}

func newProvider(d goose.Dialect, pool *sql.DB, folder string, options ...goose.ProviderOption) (*goose.Provider, error) {
	files, err := fs.Sub(migrations.FS, folder)
	if err == nil {
		var p *goose.Provider
		if p, err = goose.NewProvider(d, pool, files, options...); err == nil {
			return p, nil
		}
	}
	return nil, errors.Join(err, pool.Close())
}

func statusOf(ctx context.Context, p *goose.Provider) ([]Migration, error) {
	all, err := p.Status(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Migration, 0, len(all))
	for _, m := range all {
		step := Migration{Name: filepath.Base(m.Source.Path)}
		if m.State == goose.StateApplied {
			step.AppliedAt = models.At(m.AppliedAt)
		}
		list = append(list, step)
	}
	return list, nil
}
