package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/internal/readerror"
)

// stagingFolder holds the staged blobs.
const stagingFolder = "staging"

// folder keeps each blob in a file. It cannot reach files outside of its root, whatever the key.
type folder struct{ root *os.Root }

func openFolder(path string) (Store, error) {
	path = filepath.Clean(path)
	if err := os.MkdirAll(path, 0o700); err != nil { //nolint:gosec // the operator chooses the folder
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	if err := root.MkdirAll(stagingFolder, 0o700); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return folder{root}, nil
}

func (f folder) Close() error { return f.root.Close() }

// sealedPath returns the path of a blob. The first two characters of the key are a folder, because some file systems
// are slow with very many files in one.
func sealedPath(key string) string { return filepath.Join(key[:2], key) }

func stagedPath(key string) string { return filepath.Join(stagingFolder, key) }

func (f folder) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	n, err := f.Append(ctx, key, 0, r)
	if err != nil {
		return n, err
	}
	return n, f.Seal(ctx, key)
}

func (f folder) Open(_ context.Context, key string) (io.ReadSeekCloser, error) {
	file, err := f.root.Open(sealedPath(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, models.NotFound()
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return file, nil
}

func (f folder) Delete(_ context.Context, key string) error {
	for _, path := range []string{stagedPath(key), sealedPath(key)} {
		if err := f.root.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return unavailable(err)
		}
	}
	return nil
}

func (f folder) Append(_ context.Context, key string, offset int64, r io.Reader) (int64, error) {
	file, err := f.openStaged(key, offset)
	if err != nil {
		return 0, unavailable(err)
	}
	from := readerror.Reader{From: r}
	n, err := io.Copy(file, &from)
	failed := errors.Join(file.Sync(), file.Close())
	if failed == nil && offset == 0 {
		failed = f.syncFolder(stagingFolder)
	}
	if failed != nil {
		return 0, unavailable(failed)
	}
	return n, attribute(&from, err)
}

// openStaged opens a staged blob for appending.
func (f folder) openStaged(key string, offset int64) (*os.File, error) {
	file, err := f.root.OpenFile(stagedPath(key), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err == nil && end != offset {
		err = errors.New("the staged blob has another size")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (f folder) Staged(_ context.Context, key string) (int64, error) {
	info, err := f.root.Stat(stagedPath(key))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, unavailable(err)
	}
	return info.Size(), nil
}

func (f folder) Cut(_ context.Context, key string, size int64) error {
	file, err := f.root.OpenFile(stagedPath(key), os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	return unavailable(errors.Join(file.Truncate(size), file.Sync(), file.Close()))
}

// Seal renames the file, whose content is on disk already, and syncs the new name.
func (f folder) Seal(_ context.Context, key string) error {
	if err := f.root.MkdirAll(key[:2], 0o700); err != nil {
		return unavailable(err)
	}
	err := f.root.Rename(stagedPath(key), sealedPath(key))
	if errors.Is(err, fs.ErrNotExist) {
		if _, there := f.root.Stat(sealedPath(key)); there == nil {
			err = nil // sealed before
		}
	}
	if err != nil {
		return unavailable(err)
	}
	return unavailable(errors.Join(f.syncFolder(key[:2]), f.syncFolder(".")))
}

// syncFolder syncs the names in a folder to disk.
func (f folder) syncFolder(path string) error {
	d, err := f.root.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
