package server

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/parley-chat/parley/models/store"
)

// PrintMigrations writes the migrations of a database, and when they were applied, to out. It changes nothing.
func PrintMigrations(ctx context.Context, database string, out io.Writer) error {
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
