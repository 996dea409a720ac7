package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/parley-chat/parley/models/store"
)

// dataLock names the file in the data folder that a server on SQLite holds a lock on: its database may lie elsewhere,
// and two databases must not have their files in one place, or each would sweep away the other's.
const dataLock = "parley.lock"

// openDataDir makes the data folder, closes it to everybody else, and makes it this server's alone.
func openDataDir(ctx context.Context, folder string) (release func() error, err error) {
	folder = filepath.Clean(folder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	release, err = store.LockFile(ctx, filepath.Join(folder, dataLock), store.LockWait)
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("another Parley has the data folder %s: one server at a time; a second one needs a --data-dir of its own", folder)
	}
	if err != nil {
		return nil, err
	}
	if err := closeDataDir(folder); err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// closeDataDir takes everybody else's rights to a data folder away, and to the files in it. A folder that holds other
// things than Parley's, or is not ours to change, stays as it is.
func closeDataDir(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	paths := []string{folder}
	for _, entry := range entries {
		name := entry.Name()
		if name != "files" && name != "lost+found" && !strings.HasPrefix(name, "parley.") {
			return nil
		}
		paths = append(paths, filepath.Join(folder, name))
	}
	for _, path := range paths {
		if err := closeToOthers(path); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

func closeToOthers(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 || info.Mode()&fs.ModeSymlink != 0 {
		return err
	}
	return os.Chmod(path, info.Mode().Perm()&0o700)
}
