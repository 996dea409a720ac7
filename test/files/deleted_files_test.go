package files

import (
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// deletionCases are the actions that delete files, in a room that anna owns and bert is a member of, and whose files
// they delete.
var deletionCases = []struct {
	name   string
	direct bool // in the direct room of anna and bert
	remove func(r *deletionRun)
	berts  bool // bert's files are deleted, too
}{
	{"messages are deleted", false, func(r *deletionRun) {
		r.anna.Call("DELETE", harness.MessagePath(r.annasMessage), nil).ExpectStatus(204)
		r.bert.Call("DELETE", harness.MessagePath(r.bertsMessage), nil).ExpectStatus(204)
	}, true},
	{"the history is cleared", false, func(r *deletionRun) {
		r.anna.Call("DELETE", harness.RoomPath(r.room.ID)+"/messages", nil).ExpectStatus(204)
	}, true},
	{"the room is deleted", false, func(r *deletionRun) {
		r.anna.Call("DELETE", harness.RoomPath(r.room.ID), nil).ExpectStatus(204)
	}, true},
	{"the account is deleted", false, func(r *deletionRun) {
		r.anna.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	}, false},
	{"the last member leaves", false, func(r *deletionRun) {
		r.anna.Call("DELETE", harness.MemberPath(r.room.ID, r.bert), nil).ExpectStatus(204)
		r.anna.Call("DELETE", harness.RoomPath(r.room.ID)+"/members/me", nil).ExpectStatus(204)
	}, true},
	{"the last account is deleted", false, func(r *deletionRun) {
		r.anna.Call("DELETE", harness.MemberPath(r.room.ID, r.bert), nil).ExpectStatus(204)
		r.anna.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	}, true},
	{"both accounts of a direct room are deleted", true, func(r *deletionRun) {
		r.anna.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
		r.bert.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	}, true},
}

// deletionRun is the state of one deletion case.
type deletionRun struct {
	t                          *testing.T
	anna, bert                 *harness.Client
	room                       models.Room
	annasMessage, bertsMessage models.Message // each with a picture and a text file
	gone, kept                 []string       // blob paths that must be removed, and that must remain
}

// TestDeletedFilesLeaveStorage deletes messages, rooms and accounts that have files. The files are inaccessible at
// once, and their bytes and thumbnails leave the folder soon after. Files of others remain.
func TestDeletedFilesLeaveStorage(t *testing.T) {
	harness.SkipIfShort(t)
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		runs := map[string]*deletionRun{}
		for _, r := range deletionCases {
			t.Log(r.name)
			run := &deletionRun{t: t, anna: s.NewAccount("anna"), bert: s.NewAccount("bert")}
			runs[r.name] = run
			if r.direct {
				run.room = run.anna.OpenDirectRoom(run.bert)
			} else {
				run.room = run.anna.CreatePrivateRoom(run.bert)
				otherRoom := run.bert.CreatePrivateRoom(run.anna)
				run.kept = append(run.kept, blobsAddedBy(s, func() { sendPictureAndText(run.bert, otherRoom.ID) })...)
			}
			run.gone = append(run.gone, blobsAddedBy(s,
				func() { run.annasMessage = sendPictureAndText(run.anna, run.room.ID) })...)
			berts := blobsAddedBy(s, func() { run.bertsMessage = sendPictureAndText(run.bert, run.room.ID) })
			r.remove(run)
			run.expectGone(run.annasMessage)
			if r.berts {
				run.gone = append(run.gone, berts...)
				run.expectGone(run.bertsMessage)
			} else {
				run.kept = append(run.kept, berts...)
				run.expectAvailable(run.bertsMessage)
			}
		}
		for name, run := range runs {
			harness.Eventually(t, name+": the blobs are removed", func() bool {
				present := harness.BlobPaths(t, s.Folder)
				return !slices.ContainsFunc(run.gone, func(path string) bool { return slices.Contains(present, path) })
			})
		}
		harness.Eventually(t, "no deletion is scheduled", func() bool {
			return harness.QueryCount(t, s.Database, "SELECT count(*) FROM doomed_blobs") == 0
		})
		present := harness.BlobPaths(t, s.Folder)
		for name, run := range runs {
			for _, path := range run.kept {
				if !slices.Contains(present, path) {
					t.Errorf("%s: %s was removed, too", name, path)
				}
			}
		}
	})
}

// blobsAddedBy returns the paths of the blobs that f adds to the folder.
func blobsAddedBy(s *harness.FileServer, f func()) []string {
	s.T.Helper()
	before := harness.BlobPaths(s.T, s.Folder)
	f()
	return slices.DeleteFunc(harness.BlobPaths(s.T, s.Folder),
		func(path string) bool { return slices.Contains(before, path) })
}

// sendPictureAndText sends a picture and a text file in one message, and waits for the thumbnail.
func sendPictureAndText(c *harness.Client, roomID int64) models.Message {
	c.T.Helper()
	m := sendFiles(c, roomID, harness.FormPart{Field: "file", Name: "a.png", MediaType: "image/png",
		Content: string(encodePicture(c.T, "image/png", harness.Photo(8, 8)))},
		harness.FormPart{Field: "file", Name: "a.txt", MediaType: "text/plain", Content: "hello"})
	c.Call("GET", m.Files[0].ThumbnailURL, nil).ExpectStatus(200)
	return m
}

func (r *deletionRun) expectGone(m models.Message) {
	r.t.Helper()
	for _, f := range m.Files {
		for _, client := range []*harness.Client{r.anna, r.bert} {
			for _, path := range []string{"/v1/files/" + f.ID, f.URL, "/v1/files/" + f.ID + "/thumbnail"} {
				a := client.Call("GET", path, nil)
				if a.HTTP.StatusCode == 401 {
					a.ExpectProblem(401, models.CodeSessionRevoked) // the user's account was deleted
				} else {
					a.ExpectProblem(404, models.CodeNotFound)
				}
			}
		}
	}
}

func (r *deletionRun) expectAvailable(m models.Message) {
	r.t.Helper()
	for _, f := range m.Files {
		r.bert.Download(f).ExpectStatus(200)
	}
	r.bert.Call("GET", m.Files[0].ThumbnailURL, nil).ExpectStatus(200)
}
