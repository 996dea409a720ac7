package main

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestTusLeavesNoBytes ends uploads in all the ways that there are, one of them while a chunk comes, and waits for their
// bytes to go: also for those that a writer still added when the upload was given up.
func TestTusLeavesNoBytes(t *testing.T) {
	long(t)
	onTwoPairs(t, func(t *testing.T, database string, files storage) {
		s := startServer(t, database, "--files", files.place())
		anna := newClient(t, s.url).newcomer("anna")
		room := anna.privateRoom()
		gone := func(c *client, path string) {
			t.Helper()
			c.headUpload(path).status(410)
			c.patch(path, 500, noise(10)).problem(410, models.CodeExpired)
			c.call("DELETE", path, nil, "Tus-Resumable", "1.0.0").problem(410, models.CodeExpired)
		}
		half := func(c *client) string {
			t.Helper()
			path := c.begin(room.ID, 1000)
			c.patch(path, 0, noise(1000)[:500]).status(204)
			return path
		}
		expired := half(anna)
		execute(t, database, "UPDATE uploads SET expires_at = 1")
		execute(t, database, "UPDATE doomed_blobs SET due_at = 1")
		gone(anna, expired)

		dropped := half(anna)
		anna.call("DELETE", dropped, nil, "Tus-Resumable", "1.0.0").status(204)
		gone(anna, dropped)

		other := anna.privateRoom()
		content := noise(2 * brokenPart)
		written := anna.begin(other.ID, len(content))
		writer := anna.beginChunk(written, 0, len(content), content[:brokenPart])
		stores(t, files, storedPart)
		anna.call("DELETE", roomPath(other.ID), nil).status(204)
		gone(anna, written)
		if status := writer.answer(); status != 409 {
			t.Errorf("who writes to an upload that was given up is answered %d", status)
		}

		leaver := anna.account("leaver")
		anna.add(room.ID, leaver, models.RoleMember)
		half(leaver)
		leaver.call("DELETE", "/v1/users/me", nil).status(204)

		homeless := half(anna)
		anna.call("DELETE", roomPath(room.ID), nil).status(204)
		gone(anna, homeless)
		eventually(t, "an empty storage", func() bool { return len(files.left(t)) == 0 })
	})
}
