//go:build !unix

package sqlite

import "io/fs"

// fileNumber is unknown here: a database restored over this one keeps its epoch.
func fileNumber(fs.FileInfo) string { return "" }

// syncFolder has nothing to do: names are on disk when they are there.
func syncFolder(string) error { return nil }
