package api

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// modelFile is a file that was uploaded, whatever has become of it.
type modelFile struct {
	models.File
	content string
	room    *modelRoom
	owner   int
	message int64 // that has it, 0 for none
}

// refusal is why the user may not have the file; "" for who may.
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

// sendFiles sends a message with one or two files, which need not be the sender's, of this room, different ones, or
// there at all any more.
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

// download has each user try to get one file, and what is told of it.
func (w *world) download(rt *rapid.T) {
	if len(w.files) == 0 {
		return
	}
	f := rapid.SampledFrom(w.files).Draw(rt, "file")
	for user, c := range w.users {
		told, got := c.Call("GET", "/v1/files/"+f.ID, nil), c.Download(f.File)
		refusal := f.refusal(user)
		if wasAccepted(told, 200, refusal) != wasAccepted(got, 200, refusal) || refusal == "" && string(got.Body) != f.content {
			rt.Errorf("user %d gets %v and %v of a file that holds %q", user, told, got, f.content)
		}
	}
}

// checkFiles has the owner of the rooms ask for all files of the one that the step was in.
func (w *world) checkFiles() {
	for _, f := range w.files {
		if f.room == w.touched {
			wasAccepted(w.users[0].Call("GET", "/v1/files/"+f.ID, nil), 200, f.refusal(0))
		}
	}
}
