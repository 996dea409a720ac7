//go:build !linux && !darwin

package server

import "errors"

// diskSpace is not supported on this system: the database reports a full disk itself.
func diskSpace(string) (free, total uint64, err error) { return 0, 0, errors.ErrUnsupported }
