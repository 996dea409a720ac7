package main

import (
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
)

// removals are the ways in which files go: what is done, in a room of anna's with bert in it, and whose files go with it.
var removals = []struct {
	what   string
	direct bool // the room is anna's and bert's direct one
	remove func(r *removal)
	berts  bool // bert's files go too
}{
	{"messages are deleted", false, func(r *removal) {
		r.anna.call("DELETE", messagePath(r.annas), nil).status(204)
		r.bert.call("DELETE", messagePath(r.berts), nil).status(204)
	}, true},
	{"the history is cleared", false, func(r *removal) {
		r.anna.call("DELETE", roomPath(r.room.ID)+"/messages", nil).status(204)
	}, true},
	{"the room is deleted", false, func(r *removal) {
		r.anna.call("DELETE", roomPath(r.room.ID), nil).status(204)
	}, true},
	{"the account is deleted", false, func(r *removal) {
		r.anna.call("DELETE", "/v1/users/me", nil).status(204)
	}, false},
	{"the last member leaves", false, func(r *removal) {
		r.anna.call("DELETE", memberPath(r.room.ID, r.bert), nil).status(204)
		r.anna.call("DELETE", roomPath(r.room.ID)+"/members/me", nil).status(204)
	}, true},
	{"the last account is deleted", false, func(r *removal) {
		r.anna.call("DELETE", memberPath(r.room.ID, r.bert), nil).status(204)
		r.anna.call("DELETE", "/v1/users/me", nil).status(204)
	}, true},
	{"both accounts of a direct room are deleted", true, func(r *removal) {
		r.anna.call("DELETE", "/v1/users/me", nil).status(204)
		r.bert.call("DELETE", "/v1/users/me", nil).status(204)
	}, true},
}

// removal is one of them under way.
type removal struct {
	t            *testing.T
	anna, bert   *client
	room         models.Room
	annas, berts models.Message // each with a picture and a text
	gone, kept   []string       // paths of blobs
}

// TestFilesAreRemoved removes what has files. They are gone at once for all, and from the folder soon, with their
// thumbnails; what belongs to others stays.
func TestFilesAreRemoved(t *testing.T) {
	long(t)
	onEachShelf(t, func(t *testing.T, s *shelf) {
		runs := map[string]*removal{}
		for _, r := range removals {
			t.Log(r.what)
			run := &removal{t: t, anna: s.account("anna"), bert: s.account("bert")}
			runs[r.what] = run
			if r.direct {
				run.room = run.anna.direct(run.bert)
			} else {
				run.room = run.anna.privateRoom(run.bert)
				aside := run.bert.privateRoom(run.anna)
				run.kept = append(run.kept, s.appearing(func() { run.bert.sendSome(aside.ID) })...)
			}
			run.gone = append(run.gone, s.appearing(func() { run.annas = run.anna.sendSome(run.room.ID) })...)
			berts := s.appearing(func() { run.berts = run.bert.sendSome(run.room.ID) })
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
			eventually(t, what+": the bytes are gone", func() bool {
				there := blobs(t, s.folder)
				return !slices.ContainsFunc(run.gone, func(path string) bool { return slices.Contains(there, path) })
			})
		}
		eventually(t, "nothing is left to go", func() bool {
			return countOf(t, s.database, "SELECT count(*) FROM doomed_blobs") == 0
		})
		there := blobs(t, s.folder)
		for what, run := range runs {
			for _, path := range run.kept {
				if !slices.Contains(there, path) {
					t.Errorf("%s: %s went, too", what, path)
				}
			}
		}
	})
}

// appearing are the blobs that come into the folder while f runs.
func (s *shelf) appearing(f func()) []string {
	s.t.Helper()
	before := blobs(s.t, s.folder)
	f()
	return slices.DeleteFunc(blobs(s.t, s.folder), func(path string) bool { return slices.Contains(before, path) })
}

// sendSome sends a picture and a text in one message, and waits for the thumbnail.
func (c *client) sendSome(roomID int64) models.Message {
	c.t.Helper()
	m := c.sendForm(roomID, part{"file", "a.png", "image/png", string(pictureAs(c.t, "image/png", photo(8, 8)))},
		part{"file", "a.txt", "text/plain", "hello"})
	c.call("GET", m.Files[0].ThumbnailURL, nil).status(200)
	return m
}

func (r *removal) wantGone(m models.Message) {
	r.t.Helper()
	for _, f := range m.Files {
		for _, who := range []*client{r.anna, r.bert} {
			for _, path := range []string{"/v1/files/" + f.ID, f.URL, "/v1/files/" + f.ID + "/thumbnail"} {
				a := who.call("GET", path, nil)
				if a.response.StatusCode == 401 {
					a.problem(401, models.CodeSessionRevoked) // whose account is gone
				} else {
					a.problem(404, models.CodeNotFound)
				}
			}
		}
	}
}

func (r *removal) wantThere(m models.Message) {
	r.t.Helper()
	for _, f := range m.Files {
		r.bert.content(f).status(200)
	}
	r.bert.call("GET", m.Files[0].ThumbnailURL, nil).status(200)
}
