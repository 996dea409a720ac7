package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/models"
)

// stagingFolder holds what is not sealed yet.
const stagingFolder = "staging"

// folder keeps each blob in a file of its own. It reaches no file outside of its root, whatever a key says.
type folder struct{ root *os.Root }

func openFolder(path string) (Store, error) {
	path = filepath.Clean(path)
	if err := os.MkdirAll(path, 0o700); err != nil { //nolint:gosec // the folder is the choice of whoever runs the server
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

// sealed is the path of a blob. Two characters of the key are a folder: some file systems are slow with very many files
// in one.
func sealed(key string) string { return filepath.Join(key[:2], key) }

func staged(key string) string { return filepath.Join(stagingFolder, key) }

func (f folder) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	n, err := f.Append(ctx, key, 0, r)
	if err != nil {
		return n, err
	}
	return n, f.Seal(ctx, key)
}

func (f folder) Open(_ context.Context, key string) (io.ReadSeekCloser, error) {
	file, err := f.root.Open(sealed(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, models.NotFound()
	}
	if err != nil {
		return nil, broken(err)
	}
	return file, nil
}

func (f folder) Delete(_ context.Context, key string) error {
	for _, path := range []string{staged(key), sealed(key)} {
		if err := f.root.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return broken(err)
		}
	}
	return nil
}

func (f folder) Append(_ context.Context, key string, offset int64, r io.Reader) (int64, error) {
	file, err := f.openStaged(key, offset)
	if err != nil {
		return 0, broken(err)
	}
	from := source{r: r}
	n, err := io.Copy(file, &from)
	failed := errors.Join(file.Sync(), file.Close())
	if failed == nil && offset == 0 {
		failed = f.syncFolder(stagingFolder)
	}
	if failed != nil {
		return 0, broken(failed)
	}
	return n, from.blame(err)
}

// openStaged opens a staged blob for writing at its end.
func (f folder) openStaged(key string, offset int64) (*os.File, error) {
	file, err := f.root.OpenFile(staged(key), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err == nil && end != offset {
		err = errors.New("the staged blob ends elsewhere")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (f folder) Staged(_ context.Context, key string) (int64, error) {
	info, err := f.root.Stat(staged(key))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, broken(err)
	}
	return info.Size(), nil
}

func (f folder) Cut(_ context.Context, key string, size int64) error {
	file, err := f.root.OpenFile(staged(key), os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return broken(err)
	}
	return broken(errors.Join(file.Truncate(size), file.Sync(), file.Close()))
}

// Seal renames the file, which is on disk by then, and sees to it that the new name is, too.
func (f folder) Seal(_ context.Context, key string) error {
	if err := f.root.MkdirAll(key[:2], 0o700); err != nil {
		return broken(err)
	}
	err := f.root.Rename(staged(key), sealed(key))
	if errors.Is(err, fs.ErrNotExist) {
		if _, there := f.root.Stat(sealed(key)); there == nil {
			err = nil // sealed before
		}
	}
	if err != nil {
		return broken(err)
	}
	return broken(errors.Join(f.syncFolder(key[:2]), f.syncFolder(".")))
}

// syncFolder puts the names in a folder on disk.
func (f folder) syncFolder(path string) error {
	d, err := f.root.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
