package cli

import (
	"context"
	"os"

	"github.com/parley-chat/parley/cmd/parley/server"
	"github.com/parley-chat/parley/models/store"
)

// migrateCommand migrates the database, or lists the migrations.
type migrateCommand struct {
	Up     migrateUpCommand     `cmd:"" help:"Apply pending migrations; parley serve does this at its start."`
	Status migrateStatusCommand `cmd:"" help:"List the migrations, and when they were applied."`
}

type migrateUpCommand struct{ databaseFlags }

// Run applies pending migrations. It may run while servers start.
func (m migrateUpCommand) Run(ctx context.Context) error {
	if err := store.Migrate(ctx, m.database()); err != nil {
		return err
	}
	return server.PrintMigrations(ctx, m.database(), os.Stdout)
}

type migrateStatusCommand struct{ databaseFlags }

// Run prints the migrations and changes nothing.
func (m migrateStatusCommand) Run(ctx context.Context) error {
	return server.PrintMigrations(ctx, m.database(), os.Stdout)
}
