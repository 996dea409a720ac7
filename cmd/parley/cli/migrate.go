package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

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
	return printMigrations(ctx, m.database(), os.Stdout)
}

type migrateStatusCommand struct{ databaseFlags }

// Run prints the migrations and changes nothing.
func (m migrateStatusCommand) Run(ctx context.Context) error {
	return printMigrations(ctx, m.database(), os.Stdout)
}

// printMigrations writes the migrations of a database, and when they were applied, to out. It changes nothing.
func printMigrations(ctx context.Context, database string, out io.Writer) error {
	steps, err := store.Migrations(ctx, database)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, m := range steps {
		applied := "pending"
		if !m.AppliedAt.IsZero() {
			applied = m.AppliedAt.Format("2006-01-02 15:04:05 MST")
		}
		if _, err := fmt.Fprintf(table, "%s\t%s\n", m.Name, applied); err != nil {
			return err
		}
	}
	return table.Flush()
}
