package api

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// modelFile is a file that was uploaded, even if it has been deleted since.
type modelFile struct {
	models.File
	content string
	room    *modelRoom
	owner   int
	message int64 // the message that has the file, 0 for none
}

// refusal returns the code with which the user is refused the file, "" if they may read it.
func (f *modelFile) refusal(user int) models.Code {
	r := f.room
	switch {
	case r.banned[user]:
	case f.message == 0 && f.owner == user && r.members[user] != nil:
		return ""
	case f.message > r.cleared && !r.messages[f.message-1].deleted:
		return ""
	}
	return models.CodeNotFound
}

// upload uploads a file into a room.
func (w *world) upload(rt *rapid.T) {
	r, user := w.draw(rt)
	content := fmt.Sprint("file ", len(w.files))
	a := w.users[user].Call("POST", harness.RoomPath(r.id)+"/files", []byte(content), "Content-Type", "text/plain")
	if wasAccepted(a, 201, r.refusal(user)) {
		f := &modelFile{content: content, room: r, owner: user}
		a.Decode(&f.File)
		w.files = append(w.files, f)
	}
}

// sendFiles sends a message with one or two files. They may be of another user or another room, the same file twice, or
// already deleted.
func (w *world) sendFiles(rt *rapid.T) {
	if len(w.files) == 0 || rapid.Bool().Draw(rt, "a new one") {
		w.upload(rt)
	}
	r, user := w.draw(rt)
	if len(w.files) == 0 {
		return
	}
	files := rapid.SliceOfN(rapid.SampledFrom(w.files), 1, 2).Draw(rt, "files")
	if rapid.Bool().Draw(rt, "as their owner") {
		r, user = files[0].room, files[0].owner
		w.touched = r
	}
	refusal := r.refusal(user)
	var ids []string
	for _, f := range files {
		if refusal == "" && (f.room != r || f.owner != user || f.message != 0 || slices.Contains(ids, f.ID)) {
			refusal = models.CodeInvalidRequest
		}
		ids = append(ids, f.ID)
	}
	a := w.users[user].Call("POST", harness.RoomPath(r.id)+"/messages", models.NewMessage{FileIDs: ids})
	if !wasAccepted(a, 201, refusal) {
		return
	}
	r.messages = append(r.messages, modelMessage{sender: user, files: ids})
	for _, f := range files {
		f.message = r.last()
	}
}

// download lets each user try to read one file and its description.
func (w *world) download(rt *rapid.T) {
	if len(w.files) == 0 {
		return
	}
	f := rapid.SampledFrom(w.files).Draw(rt, "file")
	for user, c := range w.users {
		described, got := c.Call("GET", "/v1/files/"+f.ID, nil), c.Download(f.File)
		refusal := f.refusal(user)
		if wasAccepted(described, 200, refusal) != wasAccepted(got, 200, refusal) ||
			refusal == "" && string(got.Body) != f.content {
			rt.Errorf("user %d got %v and %v, want the content %q", user, described, got, f.content)
		}
	}
}

// checkFiles lets the owner of the rooms read all files of the room of the last step.
func (w *world) checkFiles() {
	for _, f := range w.files {
		if f.room == w.touched {
			wasAccepted(w.users[0].Call("GET", "/v1/files/"+f.ID, nil), 200, f.refusal(0))
		}
	}
}
