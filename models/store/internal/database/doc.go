// Package database holds what the store and its two dialects share.
//
// It has the interface of a dialect ([Dialect]), how gorm is opened ([OpenGorm]), all ways to run raw SQL (sql.go), the
// migrations, and the types of the hot paths: sends, lookups and word searches, which each dialect
// implements in its own way.
package database
