package files

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestUnattachedFilesExpire moves the creation times of files back. Files that no message has after a day are deleted
// with their thumbnails. A file in a message remains, and so does one that is a little younger than a day.
func TestUnattachedFilesExpire(t *testing.T) {
	harness.SkipIfShort(t)
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna := s.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		young := uploadPhoto(anna, room.ID)
		// Two minutes ahead, which is more than the test takes.
		harness.Execute(t, s.Database, "UPDATE files SET created_at = created_at + 120000")
		attached := uploadPhoto(anna, room.ID)
		sendAttached(anna, room.ID, attached)
		old := []models.File{uploadPhoto(anna, room.ID), anna.UploadFile(room.ID, "a.txt", "text/plain", []byte("hello"))}
		s.Server.Stop() // the next server purges at its start, and not only after a minute
		harness.Execute(t, s.Database, "UPDATE files SET created_at = created_at - 86400001")
		anna = anna.AtServer(harness.StartServer(t, s.Database, "--files", s.Folder).URL)
		s.ExpectBlobs(4, 2)
		for _, f := range old {
			anna.Call("GET", "/v1/files/"+f.ID, nil).ExpectProblem(404, models.CodeNotFound)
			anna.CallInvalid("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{FileIDs: []string{f.ID}}).
				ExpectInvalid("file_ids[0]")
		}
		expectDownloadable(anna, attached, true)
		expectDownloadable(anna, young, true)
		sendAttached(anna, room.ID, young)
	})
}
