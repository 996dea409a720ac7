// Package database is what the two dialects share.
package database
