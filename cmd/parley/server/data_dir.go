package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/parley-chat/parley/models/filelock"
)

// dataLock is the file in the data folder that a server on SQLite locks. The database may be in another folder, but two
// databases must not keep their files in one: each would delete the files of the other.
const dataLock = "parley.lock"

// openDataDir creates the data folder, locks it, and removes the access rights of other users.
func openDataDir(ctx context.Context, folder string) (release func() error, err error) {
	folder = filepath.Clean(folder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	release, err = filelock.Lock(ctx, filepath.Join(folder, dataLock), filelock.Wait)
	if errors.Is(err, filelock.ErrLocked) {
		return nil, fmt.Errorf("another Parley process uses the data folder %s: only one server at a time; "+
			"a second server needs its own --data-dir", folder)
	}
	if err != nil {
		return nil, err
	}
	if err := restrictAccess(folder); err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// restrictAccess removes other users' access rights to the data folder and the files in it. It changes nothing if the
// folder contains files that are not Parley's, or belongs to another user.
func restrictAccess(folder string) error {
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
		if err := restrictPath(path); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

func restrictPath(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 || info.Mode()&fs.ModeSymlink != 0 {
		return err
	}
	return os.Chmod(path, info.Mode().Perm()&0o700)
}
