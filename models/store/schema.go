package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/pressly/goose/v3"

	"github.com/parley-chat/parley/migrations"
)

// versionTable is where the migrations that were applied are listed.
const versionTable = goose.DefaultTablename

// checkVersion refuses a database with a migration that this version does not know: it was made by a newer one, and may
// hold what this one would spoil. exists asks whether there is a list of migrations. Nothing is changed.
func checkVersion(ctx context.Context, pool *sql.DB, folder, exists string) error {
	var migrated bool
	if err := pool.QueryRowContext(ctx, exists).Scan(&migrated); err != nil || !migrated {
		return err
	}
	var there sql.NullInt64
	if err := pool.QueryRowContext(ctx, "SELECT max(version_id) FROM "+versionTable+" WHERE is_applied").Scan(&there); err != nil {
		return err
	}
	known, err := newestMigration(folder)
	if err == nil && there.Int64 > known {
		err = fmt.Errorf("a newer version of Parley has migrated the database: its schema is %d, and this version knows up to %d. "+
			"Start the newer one, or put back a backup from before. Nothing was changed", there.Int64, known)
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
