//go:build !unix

package sqlite

import "io/fs"

// fileNumber is unknown on this system: a database that is restored over this one keeps its epoch.
func fileNumber(fs.FileInfo) string { return "" }

// syncFolder has nothing to do: names are on disk when they exist.
func syncFolder(string) error { return nil }
