package files

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestTusEndedUploadsLeaveNoBytes ends uploads in every possible way, one of them during a chunk. Their bytes are
// removed from the storage, also those that a writer added after the upload had ended.
func TestTusEndedUploadsLeaveNoBytes(t *testing.T) {
	harness.SkipIfShort(t)
	harness.OnTwoStorages(t, func(t *testing.T, database string, files harness.Storage) {
		s := harness.StartServer(t, database, "--files", files.Location())
		anna := harness.NewClient(t, s.URL).NewGuest("anna")
		room := anna.CreatePrivateRoom()
		expectExpired := func(c *harness.Client, path string) {
			t.Helper()
			c.HeadUpload(path).ExpectStatus(410)
			c.PatchUpload(path, 500, harness.RandomBytes(10)).ExpectProblem(410, models.CodeExpired)
			c.Call("DELETE", path, nil, "Tus-Resumable", "1.0.0").ExpectStatus(204)
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
		expectExpired(anna, expired)

		terminated := half(anna)
		anna.Call("DELETE", terminated, nil, "Tus-Resumable", "1.0.0").ExpectStatus(204)
		expectExpired(anna, terminated)

		other := anna.CreatePrivateRoom()
		content := harness.RandomBytes(2 * partialBody)
		written := anna.CreateUpload(other.ID, len(content))
		writer := beginPatch(anna, written, 0, len(content), content[:partialBody])
		waitUntilStored(t, files, storedPrefix)
		anna.Call("DELETE", harness.RoomPath(other.ID), nil).ExpectStatus(204)
		expectExpired(anna, written)
		if status := writer.status(); status != 409 {
			t.Errorf("a writer to an upload of a deleted room got the status %d, want 409", status)
		}

		leaver := anna.NewAccount("leaver")
		anna.AddMember(room.ID, leaver, models.RoleMember)
		half(leaver)
		leaver.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)

		roomless := half(anna)
		anna.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
		expectExpired(anna, roomless)
		harness.Eventually(t, "the storage is empty", func() bool { return len(files.Names(t)) == 0 })
	})
}
