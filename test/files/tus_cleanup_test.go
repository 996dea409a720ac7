package files

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestTusLeavesNoBytes ends uploads in all the ways that there are, one of them while a chunk comes, and waits for
// their bytes to go: also for those that a writer still added when the upload was given up.
func TestTusLeavesNoBytes(t *testing.T) {
	harness.Long(t)
	harness.OnTwoStorages(t, func(t *testing.T, database string, files harness.Storage) {
		s := harness.StartServer(t, database, "--files", files.Location())
		anna := harness.NewClient(t, s.URL).NewGuest("anna")
		room := anna.CreatePrivateRoom()
		gone := func(c *harness.Client, path string) {
			t.Helper()
			c.HeadUpload(path).ExpectStatus(410)
			c.PatchUpload(path, 500, harness.RandomBytes(10)).ExpectProblem(410, models.CodeExpired)
			c.Call("DELETE", path, nil, "Tus-Resumable", "1.0.0").ExpectProblem(410, models.CodeExpired)
		}
		half := func(c *harness.Client) string {
			t.Helper()
			path := c.CreateUpload(room.ID, 1000)
			c.PatchUpload(path, 0, harness.RandomBytes(1000)[:500]).ExpectStatus(204)
			return path
		}
		expired := half(anna)
		harness.Execute(t, database, "UPDATE uploads SET expires_at = 1")
		harness.Execute(t, database, "UPDATE doomed_blobs SET due_at = 1")
		gone(anna, expired)

		dropped := half(anna)
		anna.Call("DELETE", dropped, nil, "Tus-Resumable", "1.0.0").ExpectStatus(204)
		gone(anna, dropped)

		other := anna.CreatePrivateRoom()
		content := harness.RandomBytes(2 * brokenPart)
		written := anna.CreateUpload(other.ID, len(content))
		writer := beginChunk(anna, written, 0, len(content), content[:brokenPart])
		stores(t, files, storedPart)
		anna.Call("DELETE", harness.RoomPath(other.ID), nil).ExpectStatus(204)
		gone(anna, written)
		if status := writer.answer(); status != 409 {
			t.Errorf("who writes to an upload that was given up is answered %d", status)
		}

		leaver := anna.NewAccount("leaver")
		anna.AddMember(room.ID, leaver, models.RoleMember)
		half(leaver)
		leaver.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)

		homeless := half(anna)
		anna.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
		gone(anna, homeless)
		harness.Eventually(t, "an empty storage", func() bool { return len(files.Names(t)) == 0 })
	})
}
