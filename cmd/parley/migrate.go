package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/parley-chat/parley/models/store"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply the migrations that are pending. parley serve does so itself at its start."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations, and when they were applied."`
}

type migrateUpCmd struct{ databaseFlags }

// Run applies what is pending. It is safe beside servers that start.
func (m migrateUpCmd) Run(ctx context.Context) error {
	if err := store.Migrate(ctx, m.name()); err != nil {
		return err
	}
	return printMigrations(ctx, m.name())
}

type migrateStatusCmd struct{ databaseFlags }

// Run changes nothing.
func (m migrateStatusCmd) Run(ctx context.Context) error {
	return printMigrations(ctx, m.name())
}

func printMigrations(ctx context.Context, database string) error {
	steps, err := store.Migrations(ctx, database)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
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
