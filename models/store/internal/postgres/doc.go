// Package postgres is the dialect of PostgreSQL, over pgx.
package postgres
