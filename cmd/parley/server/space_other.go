//go:build !linux && !darwin

package server

import "errors"

// diskSpace is not known here: the database has to find out by itself.
func diskSpace(string) (free, total uint64, err error) { return 0, 0, errors.ErrUnsupported }
