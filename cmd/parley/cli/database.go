package cli

import (
	"github.com/parley-chat/parley/cmd/parley/server"
)

// databaseFlags say where the data is; serve and migrate share them.
type databaseFlags struct {
	DataDir  string `env:"PARLEY_DATA_DIR" default:"data" placeholder:"DIR" help:"The folder for everything that Parley keeps on this machine (default: ${default})."`
	Database string `env:"PARLEY_DATABASE" placeholder:"URL" help:"postgres://… for PostgreSQL; by default a SQLite file in the data folder."`
}

// database is what package store opens.
func (f databaseFlags) database() string {
	return server.Config{DataDir: f.DataDir, Database: f.Database}.DatabaseName()
}
