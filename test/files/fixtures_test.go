package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// onEachFileServer runs a test on both databases, each with its own server and folder.
func onEachFileServer(t *testing.T, f func(t *testing.T, s *harness.FileServer), flags ...string) {
	t.Helper()
	harness.OnEachDatabase(t, func(t *testing.T, database string) { f(t, newFileServer(t, database, flags...)) })
}

func newFileServer(t *testing.T, database string, flags ...string) *harness.FileServer {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "files")
	server := harness.StartServer(t, database,
		append([]string{"--files", folder, "--presence-room-limit", "0"}, flags...)...)
	return &harness.FileServer{Client: harness.NewClient(t, server.URL), Server: server, Database: database,
		Folder: folder}
}

// storedFileSizes returns the sizes in bytes of all files in the database, by blob key.
func storedFileSizes(t testing.TB, database string) map[string]int64 {
	t.Helper()
	db := harness.OpenDatabase(t, database)
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

// fileSizeOnDisk returns the size of the file at path in bytes, or -1 if there is none.
func fileSizeOnDisk(t testing.TB, path string) int64 {
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

// sendFiles sends a message with files as a form.
func sendFiles(c *harness.Client, roomID int64, parts ...harness.FormPart) models.Message {
	c.T.Helper()
	body, mediaType := harness.EncodeForm(c.T, parts...)
	var m models.Message
	c.Call("POST", harness.RoomPath(roomID)+"/messages/form", body, "Content-Type", mediaType).ExpectStatus(201).Decode(&m)
	return m
}

// sendAttached sends a message that attaches files which were uploaded before.
func sendAttached(c *harness.Client, roomID int64, files ...models.File) models.Message {
	c.T.Helper()
	var n models.NewMessage
	for _, f := range files {
		n.FileIDs = append(n.FileIDs, f.ID)
	}
	var m models.Message
	c.Call("POST", harness.RoomPath(roomID)+"/messages", n).ExpectStatus(201).Decode(&m)
	return m
}
