// Package sqlite is the dialect of SQLite, over modernc.org/sqlite.
package sqlite
