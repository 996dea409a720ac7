// Package migrations holds the database schema, one folder of SQL per dialect, in the order of their numbers. They are
// the only source of the schema. A migration that databases may have run is never changed; the next one mends it.
package migrations

import "embed"

// FS holds the folders "sqlite" and "postgres".
//
//go:embed sqlite/*.sql postgres/*.sql
var FS embed.FS
