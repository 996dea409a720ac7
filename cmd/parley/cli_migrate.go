package main

import (
	"context"
	"os"

	"github.com/parley-chat/parley/models/store"
)

// migrateCmd migrates the database, or lists the migrations.
type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply the migrations that are pending. parley serve does so itself at its start."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations, and when they were applied."`
}

type migrateUpCmd struct{ databaseFlags }

// Run applies what is pending. It is safe beside servers that start.
func (m migrateUpCmd) Run(ctx context.Context) error {
	if err := store.Migrate(ctx, m.database()); err != nil {
		return err
	}
	return printMigrations(ctx, m.database(), os.Stdout)
}

type migrateStatusCmd struct{ databaseFlags }

// Run changes nothing.
func (m migrateStatusCmd) Run(ctx context.Context) error {
	return printMigrations(ctx, m.database(), os.Stdout)
}
