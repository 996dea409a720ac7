package server

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"github.com/parley-chat/parley/models/blob"
	"github.com/parley-chat/parley/models/picture"
	"github.com/parley-chat/parley/models/store"
)

// fileServices are the storage of files and the background work on it.
type fileServices struct {
	store    *store.Store
	log      *slog.Logger
	blobs    blob.Store
	pictures *picture.Maker
	stop     context.CancelFunc // ends the background work; nil before run
	done     sync.WaitGroup
}

// files returns where files are stored: a folder, or an s3:// URL.
func (c Config) files() string {
	if c.Files != "" {
		return c.Files
	}
	return filepath.Join(c.DataDir, "files")
}

func (c Config) openFiles(ctx context.Context, s *store.Store, log *slog.Logger) (*fileServices, error) {
	blobs, err := blob.Open(ctx, c.files())
	if err != nil {
		return nil, fmt.Errorf("open the file storage: %w", err)
	}
	return &fileServices{store: s, log: log, blobs: blobs, pictures: picture.NewMaker(blobs, s, log)}, nil
}

// watchedFolders returns the folders of this machine that the server writes clients' data to.
func (c Config) watchedFolders() []watchedFolder {
	var list []watchedFolder
	if database := c.DatabaseName(); !strings.Contains(database, "://") {
		list = append(list, watchedFolder{folder: filepath.Dir(database), wal: database + "-wal"})
	}
	if files := c.files(); !strings.Contains(files, "://") {
		list = append(list, watchedFolder{folder: files})
	}
	return list
}

// run starts the background work: deleting blobs that nothing refers to, and making thumbnails.
func (f *fileServices) run() {
	ctx, stop := context.WithCancel(context.Background())
	f.stop = stop
	f.done.Go(func() { blob.Purge(ctx, f.blobs, f.store, f.log) })
	f.done.Go(func() { f.pictures.Run(ctx) })
}

// close stops the background work and closes the storage.
func (f *fileServices) close() error {
	if f.stop != nil {
		f.stop()
	}
	f.done.Wait()
	return f.blobs.Close()
}
