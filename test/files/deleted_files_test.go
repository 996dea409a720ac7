package files

import (
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// removals are the ways in which files go: what is done, in a room of anna's with bert in it, and whose files go with
// it.
var removals = []struct {
	what   string
	direct bool // the room is anna's and bert's direct one
	remove func(r *removal)
	berts  bool // bert's files go too
}{
	{"messages are deleted", false, func(r *removal) {
		r.anna.Call("DELETE", harness.MessagePath(r.annas), nil).ExpectStatus(204)
		r.bert.Call("DELETE", harness.MessagePath(r.berts), nil).ExpectStatus(204)
	}, true},
	{"the history is cleared", false, func(r *removal) {
		r.anna.Call("DELETE", harness.RoomPath(r.room.ID)+"/messages", nil).ExpectStatus(204)
	}, true},
	{"the room is deleted", false, func(r *removal) {
		r.anna.Call("DELETE", harness.RoomPath(r.room.ID), nil).ExpectStatus(204)
	}, true},
	{"the account is deleted", false, func(r *removal) {
		r.anna.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	}, false},
	{"the last member leaves", false, func(r *removal) {
		r.anna.Call("DELETE", harness.MemberPath(r.room.ID, r.bert), nil).ExpectStatus(204)
		r.anna.Call("DELETE", harness.RoomPath(r.room.ID)+"/members/me", nil).ExpectStatus(204)
	}, true},
	{"the last account is deleted", false, func(r *removal) {
		r.anna.Call("DELETE", harness.MemberPath(r.room.ID, r.bert), nil).ExpectStatus(204)
		r.anna.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	}, true},
	{"both accounts of a direct room are deleted", true, func(r *removal) {
		r.anna.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
		r.bert.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	}, true},
}

// removal is one of them under way.
type removal struct {
	t            *testing.T
	anna, bert   *harness.Client
	room         models.Room
	annas, berts models.Message // each with a picture and a text
	gone, kept   []string       // paths of blobs
}

// TestFilesAreRemoved removes what has files. They are gone at once for all, and from the folder soon, with their
// thumbnails; what belongs to others stays.
func TestFilesAreRemoved(t *testing.T) {
	harness.Long(t)
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		runs := map[string]*removal{}
		for _, r := range removals {
			t.Log(r.what)
			run := &removal{t: t, anna: s.NewAccount("anna"), bert: s.NewAccount("bert")}
			runs[r.what] = run
			if r.direct {
				run.room = run.anna.OpenDirectRoom(run.bert)
			} else {
				run.room = run.anna.CreatePrivateRoom(run.bert)
				aside := run.bert.CreatePrivateRoom(run.anna)
				run.kept = append(run.kept, newBlobs(s, func() { sendPictureAndText(run.bert, aside.ID) })...)
			}
			run.gone = append(run.gone, newBlobs(s, func() { run.annas = sendPictureAndText(run.anna, run.room.ID) })...)
			berts := newBlobs(s, func() { run.berts = sendPictureAndText(run.bert, run.room.ID) })
			r.remove(run)
			run.wantGone(run.annas)
			if r.berts {
				run.gone = append(run.gone, berts...)
				run.wantGone(run.berts)
			} else {
				run.kept = append(run.kept, berts...)
				run.wantThere(run.berts)
			}
		}
		for what, run := range runs {
			harness.Eventually(t, what+": the bytes are gone", func() bool {
				there := harness.BlobPaths(t, s.Folder)
				return !slices.ContainsFunc(run.gone, func(path string) bool { return slices.Contains(there, path) })
			})
		}
		harness.Eventually(t, "nothing is left to go", func() bool {
			return harness.QueryCount(t, s.Database, "SELECT count(*) FROM doomed_blobs") == 0
		})
		there := harness.BlobPaths(t, s.Folder)
		for what, run := range runs {
			for _, path := range run.kept {
				if !slices.Contains(there, path) {
					t.Errorf("%s: %s went, too", what, path)
				}
			}
		}
	})
}

// newBlobs are the blobs that come into the folder while f runs.
func newBlobs(s *harness.FileServer, f func()) []string {
	s.T.Helper()
	before := harness.BlobPaths(s.T, s.Folder)
	f()
	return slices.DeleteFunc(harness.BlobPaths(s.T, s.Folder), func(path string) bool { return slices.Contains(before, path) })
}

// sendPictureAndText sends a picture and a text in one message, and waits for the thumbnail.
func sendPictureAndText(c *harness.Client, roomID int64) models.Message {
	c.T.Helper()
	m := sendFiles(c, roomID, harness.FormPart{Field: "file", Name: "a.png", MediaType: "image/png", Content: string(pictureAs(c.T, "image/png", harness.Photo(8, 8)))},
		harness.FormPart{Field: "file", Name: "a.txt", MediaType: "text/plain", Content: "hello"})
	c.Call("GET", m.Files[0].ThumbnailURL, nil).ExpectStatus(200)
	return m
}

func (r *removal) wantGone(m models.Message) {
	r.t.Helper()
	for _, f := range m.Files {
		for _, who := range []*harness.Client{r.anna, r.bert} {
			for _, path := range []string{"/v1/files/" + f.ID, f.URL, "/v1/files/" + f.ID + "/thumbnail"} {
				a := who.Call("GET", path, nil)
				if a.HTTP.StatusCode == 401 {
					a.ExpectProblem(401, models.CodeSessionRevoked) // whose account is gone
				} else {
					a.ExpectProblem(404, models.CodeNotFound)
				}
			}
		}
	}
}

func (r *removal) wantThere(m models.Message) {
	r.t.Helper()
	for _, f := range m.Files {
		r.bert.Download(f).ExpectStatus(200)
	}
	r.bert.Call("GET", m.Files[0].ThumbnailURL, nil).ExpectStatus(200)
}
