package main

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestUnattachedFilesGo ages files. Those that no message has within a day go, with their thumbnails. One that a message
// has stays, and so does one that is a little younger.
func TestUnattachedFilesGo(t *testing.T) {
	long(t)
	onEachShelf(t, func(t *testing.T, s *shelf) {
		anna := s.newcomer("anna")
		room := anna.privateRoom()
		young := anna.uploadPhoto(room.ID)
		execute(t, s.database, "UPDATE files SET created_at = created_at + 120000") // two minutes, of which the test is one
		attached := anna.uploadPhoto(room.ID)
		anna.attach(room.ID, attached)
		old := []models.File{anna.uploadPhoto(room.ID), anna.upload(room.ID, "a.txt", "text/plain", []byte("hello"))}
		s.server.halt() // the janitor's rounds are a minute apart, but it begins with one
		execute(t, s.database, "UPDATE files SET created_at = created_at - 86400001")
		anna = anna.at(startServer(t, s.database, "--files", s.folder).url)
		s.wantBlobs(4, 2)
		for _, f := range old {
			anna.call("GET", "/v1/files/"+f.ID, nil).problem(404, models.CodeNotFound)
			anna.wrong("POST", roomPath(room.ID)+"/messages", models.NewMessage{FileIDs: []string{f.ID}}).invalid("file_ids[0]")
		}
		anna.mayHave(attached, true)
		anna.mayHave(young, true)
		anna.attach(room.ID, young)
	})
}
