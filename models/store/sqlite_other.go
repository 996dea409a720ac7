//go:build !unix

package store

import "io/fs"

// fileNumber is unknown here: a database restored over this one keeps its epoch.
func fileNumber(fs.FileInfo) string { return "" }
