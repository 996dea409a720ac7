//go:build unix

package server_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestFilesAreNotReadableByOthers: files are created readable only by their owner. When a server starts on a data
// folder that everybody may read (made by an administrator's mkdir, or by an old version), it removes that access.
func TestFilesAreNotReadableByOthers(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := harness.StartProcess(t, "", "--data-dir", data)
	me := harness.NewClient(t, p.URL).NewGuestNamed("anna")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	me.UploadFile(room.ID, "a.txt", "text/plain", []byte("text"))
	for path, mode := range modesIn(t, data) {
		if mode.Perm()&0o077 != 0 {
			t.Errorf("%s was created with mode %v", path, mode)
		}
	}
	p.Kill()
	for path, mode := range modesIn(t, data) {
		open := fs.FileMode(0o644)
		if mode.IsDir() {
			open = 0o755
		}
		if err := os.Chmod(path, open); err != nil {
			t.Fatal(err)
		}
	}
	p.Start()
	for path, mode := range modesIn(t, data) {
		// Nobody can enter the folder of files, so the server does not change older files in it.
		if within := filepath.Dir(path); (within == data || path == data) && mode.Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, mode)
		}
	}
}

// TestSharedFolderKeepsItsMode: the mode of a folder that contains other files than Parley's is not changed.
func TestSharedFolderKeepsItsMode(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "of somebody else"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	harness.StartProcess(t, "", "--data-dir", folder)
	modes := modesIn(t, folder)
	if mode := modes[folder]; mode.Perm() != 0o755 {
		t.Errorf("the folder has mode %v", mode)
	}
	for _, name := range []string{
		"parley.db", "parley.db-wal", "parley.db-shm", "parley.db.mark", "parley.db.lock", "parley.lock",
	} {
		if mode, exists := modes[filepath.Join(folder, name)]; !exists || mode.Perm() != 0o600 {
			t.Errorf("%s has mode %v, exists: %t", name, mode, exists)
		}
	}
}

// modesIn returns the modes of a folder and everything in it, by path.
func modesIn(t testing.TB, folder string) map[string]fs.FileMode {
	t.Helper()
	modes := map[string]fs.FileMode{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			modes[path] = info.Mode()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return modes
}
