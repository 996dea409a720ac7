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

// TestFilesAreClosedToOthers starts on a data folder that everybody may read, as an administrator's mkdir makes it,
// with a database of the time when SQLite made its files so.
func TestFilesAreClosedToOthers(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := harness.StartProcess(t, "", "--data-dir", data)
	me := harness.NewClient(t, p.URL).NewGuestNamed("anna")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	me.UploadFile(room.ID, "a.txt", "text/plain", []byte("text"))
	for path, mode := range modesIn(t, data) {
		if mode.Perm()&0o077 != 0 {
			t.Errorf("%s is %v from the start", path, mode)
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
		// Nobody gets past the folder of files, so what has lain in it for long is not looked at.
		if within := filepath.Dir(path); (within == data || path == data) && mode.Perm()&0o077 != 0 {
			t.Errorf("%s is %v", path, mode)
		}
	}
}

// TestOtherFoldersStayOpen: a folder that holds more than Parley's files is somebody else's too.
func TestOtherFoldersStayOpen(t *testing.T) {
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
		t.Errorf("the folder is %v", mode)
	}
	for _, name := range []string{"parley.db", "parley.db-wal", "parley.db-shm", "parley.db.mark", "parley.db.lock", "parley.lock"} {
		if mode, there := modes[filepath.Join(folder, name)]; !there || mode.Perm() != 0o600 {
			t.Errorf("%s is %v", name, mode)
		}
	}
}

// modesIn is the modes of a folder and all in it.
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
