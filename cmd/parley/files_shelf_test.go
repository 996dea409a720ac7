package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// shelf is a server, nobody's client at it, and the folder in which it keeps the bytes of files.
type shelf struct {
	*client
	server   *testServer
	database string
	folder   string
}

// onEachShelf runs a test on both databases, each time with a server and a folder of its own.
func onEachShelf(t *testing.T, f func(t *testing.T, s *shelf), flags ...string) {
	t.Helper()
	onEachDatabase(t, func(t *testing.T, database string) { f(t, newShelf(t, database, flags...)) })
}

func newShelf(t *testing.T, database string, flags ...string) *shelf {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "files")
	server := startServer(t, database, append([]string{"--files", folder, "--presence-room-limit", "0"}, flags...)...)
	return &shelf{client: newClient(t, server.url), server: server, database: database, folder: folder}
}

// blobs are the paths of all that is kept in a folder of files, whole or in part.
func blobs(t testing.TB, folder string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}

// wantBlobs waits until the folder keeps so many blobs and the database so many files.
func (s *shelf) wantBlobs(kept int, files int64) {
	s.t.Helper()
	eventually(s.t, "the folder keeps what has an owner, and nothing else", func() bool {
		return len(blobs(s.t, s.folder)) == kept
	})
	if got := countOf(s.t, s.database, "SELECT count(*) FROM files"); got != files {
		s.t.Errorf("the database has %d files, wanted %d", got, files)
	}
}

// wantAllGivenUp wants no blob to be safe from the sweeper: of those whose requests were answered, each has its file or
// was given up then and there. Otherwise its bytes would stay until its lease ends.
func (s *shelf) wantAllGivenUp() {
	s.t.Helper()
	leases := fmt.Sprintf("SELECT count(*) FROM doomed_blobs WHERE due_at > %d", models.Now().UnixMilli())
	if left := countOf(s.t, s.database, leases); left != 0 {
		s.t.Errorf("%d blobs wait for the end of their leases", left)
	}
}

// behind opens the database behind the server's back.
func behind(t testing.TB, database string) *sql.DB {
	t.Helper()
	driver := "sqlite"
	if strings.HasPrefix(database, "postgres://") {
		driver = "pgx"
	}
	db, err := sql.Open(driver, database)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// countOf is the one number that a query answers.
func countOf(t testing.TB, database, query string) (n int64) {
	t.Helper()
	db := behind(t, database)
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// filesOf are the sizes of all files in the database, by their blobs.
func filesOf(t testing.TB, database string) map[string]int64 {
	t.Helper()
	db := behind(t, database)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), "SELECT blob, size FROM files")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	sizes := map[string]int64{}
	for rows.Next() {
		var blob string
		var size int64
		if err := rows.Scan(&blob, &size); err != nil {
			t.Fatal(err)
		}
		sizes[blob] = size
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return sizes
}

// sizeOf is how many bytes are at a path of the folder, -1 when nothing is.
func sizeOf(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return -1
	case err != nil:
		t.Fatal(err)
	}
	return info.Size()
}

// sendForm sends a message with its files.
func (c *client) sendForm(roomID int64, parts ...part) models.Message {
	c.t.Helper()
	body, mediaType := form(c.t, parts...)
	var m models.Message
	c.call("POST", roomPath(roomID)+"/messages", body, "Content-Type", mediaType).status(201).into(&m)
	return m
}

// attach sends a message with files that were uploaded before.
func (c *client) attach(roomID int64, files ...models.File) models.Message {
	c.t.Helper()
	var n models.NewMessage
	for _, f := range files {
		n.FileIDs = append(n.FileIDs, f.ID)
	}
	var m models.Message
	c.call("POST", roomPath(roomID)+"/messages", n).status(201).into(&m)
	return m
}

// pour posts a body without saying how long it is.
func (c *client) pour(path string, body []byte, headers ...string) *answer {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", c.url+path, struct{ *bytes.Reader }{bytes.NewReader(body)})
	if err != nil {
		c.t.Fatal(err)
	}
	a, err := c.do(req, body, headers)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}
