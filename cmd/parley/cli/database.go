package cli

import (
	"github.com/parley-chat/parley/cmd/parley/server"
)

// databaseFlags say where the data is stored; serve and migrate share them.
type databaseFlags struct {
	DataDir  string `env:"PARLEY_DATA_DIR" default:"data" placeholder:"DIR"`
	Database string `env:"PARLEY_DATABASE" placeholder:"URL"`
}

func (databaseFlags) helpTexts() helpTexts {
	return helpTexts{
		"data-dir": "The folder for everything that Parley stores on this machine (default: ${default}).",
		"database": "postgres://… for PostgreSQL; by default a SQLite file in the data folder.",
	}
}

// database returns the name of the database for package store.
func (f databaseFlags) database() string {
	return server.Config{DataDir: f.DataDir, Database: f.Database}.DatabaseName()
}
