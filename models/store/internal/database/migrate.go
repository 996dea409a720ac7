package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"github.com/parley-chat/parley/migrations"
	"github.com/parley-chat/parley/models"
)

// Migration is one step of the schema. AppliedAt is zero while it is pending.
type Migration struct {
	Name      string
	AppliedAt models.Time
}

// VersionTable lists the migrations that were applied.
const VersionTable = goose.DefaultTablename

// NewProvider returns what runs the migrations of a folder of package migrations. It closes the pool if it fails.
func NewProvider(
	d goose.Dialect, pool *sql.DB, folder string, options ...goose.ProviderOption,
) (*goose.Provider, error) {
	files, err := fs.Sub(migrations.FS, folder)
	if err == nil {
		var p *goose.Provider
		if p, err = goose.NewProvider(d, pool, files, options...); err == nil {
			return p, nil
		}
	}
	return nil, errors.Join(err, pool.Close())
}

// Status lists the migrations of a provider.
func Status(ctx context.Context, p *goose.Provider) ([]Migration, error) {
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

// CheckVersion refuses a database with a migration that this version does not know: a newer version made it, and may
// store what this one would damage. exists is the query for whether there is a list of migrations. Nothing is changed.
func CheckVersion(ctx context.Context, pool *sql.DB, folder, exists string) error {
	var migrated bool
	if err := pool.QueryRowContext(ctx, exists).Scan(&migrated); err != nil || !migrated {
		return err
	}
	var applied sql.NullInt64
	err := pool.QueryRowContext(ctx, "SELECT max(version_id) FROM "+VersionTable+" WHERE is_applied").Scan(&applied)
	if err != nil {
		return err
	}
	known, err := newestMigration(folder)
	if err == nil && applied.Int64 > known {
		err = fmt.Errorf("a newer version of Parley has migrated the database: its schema version is %d, and this program "+
			"supports up to %d. Start the newer version, or restore a backup made before the migration. "+
			"Nothing was changed", applied.Int64, known)
	}
	return err
}

// newestMigration is the highest number of the migrations in a folder.
func newestMigration(folder string) (newest int64, err error) {
	files, err := fs.ReadDir(migrations.FS, folder)
	for _, file := range files {
		number, numberErr := goose.NumericComponent(path.Base(file.Name()))
		err = errors.Join(err, numberErr)
		newest = max(newest, number)
	}
	return newest, err
}
