package files

import (
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestFileAccess checks who can read a file, and which files a user can attach to a message.
func TestFileAccess(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "who may read a file", Run: testAccessRules},
		{Name: "access after leaving a room", Run: testAccessAfterLeaving},
		{Name: "a file in a direct room", Run: testDirectRoomFile},
		{Name: "which files can be attached", Run: testAttachableFiles},
		{Name: "one file in many concurrent messages", Run: testConcurrentAttach},
		{Name: "a file in a targeted message", Run: testTargetedFile},
	})
}

// expectDownloadable checks that the client can read the file in every way, or in none of them.
func expectDownloadable(c *harness.Client, f models.File, may bool) {
	c.T.Helper()
	for _, path := range []string{"/v1/files/" + f.ID, f.URL, f.ThumbnailURL} {
		switch a := c.Call("GET", path, nil); {
		case may:
			a.ExpectStatus(200)
		case c.AccessToken == "":
			a.ExpectProblem(401, models.CodeUnauthenticated)
		default:
			a.ExpectProblem(404, models.CodeNotFound)
		}
	}
}

// uploadPhoto uploads a picture and checks that it has a thumbnail.
func uploadPhoto(c *harness.Client, roomID int64) models.File {
	c.T.Helper()
	f := c.UploadFile(roomID, "photo.png", "image/png", encodePicture(c.T, "image/png", harness.Photo(8, 8)))
	c.Call("GET", f.ThumbnailURL, nil).ExpectStatus(200)
	return f
}

func testAccessRules(_ *testing.T, c *harness.Client) {
	anna, bert, stranger := c.NewGuest("anna"), c.NewGuest("bert"), c.NewGuest("stranger")
	for _, room := range []models.Room{anna.CreatePublicRoom(bert), anna.CreatePrivateRoom(bert)} {
		f := uploadPhoto(anna, room.ID)
		for _, client := range []*harness.Client{bert, stranger, c} {
			expectDownloadable(client, f, false) // not attached yet: only the uploader can read it
		}
		expectDownloadable(anna, f, true)
		sendAttached(anna, room.ID, f)
		expectDownloadable(anna, f, true)
		expectDownloadable(bert, f, true)
		expectDownloadable(stranger, f, room.Kind == models.RoomPublic) // a public room's messages are readable by all
		expectDownloadable(c, f, false)
	}
	room := anna.CreatePublicRoom()
	f := uploadPhoto(anna, room.ID)
	m := sendAttached(anna, room.ID, f)
	outcast, guest := c.NewGuest("outcast"), c.NewGuestNamed("visitor")
	expectDownloadable(guest, f, true)
	expectDownloadable(outcast, f, true)
	anna.Call("PUT", harness.BanPath(room.ID, outcast), nil).ExpectStatus(200)
	expectDownloadable(outcast, f, false)
	anna.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204)
	expectDownloadable(guest, f, false)
	for _, id := range []string{"f_NONE", "f_" + strings.Repeat("A", 126), strings.ToLower(f.ID), f.ID + "%2e",
		"..%2f" + f.ID} {
		anna.CallInvalid("GET", "/v1/files/"+id, nil).ExpectProblem(404, models.CodeNotFound)
		anna.CallInvalid("GET", "/v1/files/"+id+"/content", nil).ExpectProblem(404, models.CodeNotFound)
	}
}

func testAccessAfterLeaving(_ *testing.T, c *harness.Client) {
	anna, leaver, kicked, outcast := c.NewGuest("anna"), c.NewGuest("leaver"), c.NewGuest("kicked"), c.NewGuest("outcast")
	all := []*harness.Client{leaver, kicked, outcast}
	room := anna.CreatePublicRoom(all...)
	attached := uploadPhoto(anna, room.ID)
	sendAttached(anna, room.ID, attached)
	own := map[*harness.Client]models.File{}
	for _, client := range all {
		own[client] = uploadPhoto(client, room.ID)
		expectDownloadable(client, attached, true)
	}
	leaver.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
	anna.Call("DELETE", harness.MemberPath(room.ID, kicked), nil).ExpectStatus(204)
	anna.Call("PUT", harness.BanPath(room.ID, outcast), nil).ExpectStatus(200)
	for _, client := range all {
		expectDownloadable(client, attached, client != outcast) // like any user who was never in the public room
		expectDownloadable(client, own[client], false)
	}
	expectDownloadable(anna, attached, true)
	leaver.JoinRoom(room.ID)
	expectDownloadable(leaver, attached, true)
	expectDownloadable(leaver, own[leaver], true)
}

func testDirectRoomFile(_ *testing.T, c *harness.Client) {
	anna, bert, stranger := c.NewGuest("anna"), c.NewGuest("bert"), c.NewGuest("stranger")
	room := anna.OpenDirectRoom(bert)
	f := uploadPhoto(anna, room.ID)
	sendAttached(anna, room.ID, f)
	expectDownloadable(bert, f, true)
	expectDownloadable(stranger, f, false)
	stranger.Call("POST", harness.RoomPath(room.ID)+"/files", []byte("hello"), "Content-Type", "text/plain").
		ExpectProblem(404, models.CodeNotFound)
}

func testAttachableFiles(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room, other := anna.CreatePrivateRoom(bert), anna.CreatePrivateRoom(bert)
	text := func(client *harness.Client, roomID int64) models.File {
		return client.UploadFile(roomID, "a.txt", "text/plain", []byte("hello"))
	}
	own, otherRoom, otherUser, sent, deleted := text(anna, room.ID), text(anna, other.ID), text(bert, room.ID),
		text(anna, room.ID), text(anna, room.ID)
	sendAttached(anna, room.ID, sent)
	gone := sendAttached(anna, room.ID, deleted)
	anna.Call("DELETE", harness.MessagePath(gone), nil).ExpectStatus(204)
	send := func(n models.NewMessage) *harness.Response {
		t.Helper()
		return anna.CallInvalid("POST", harness.RoomPath(room.ID)+"/messages", n)
	}
	for name, f := range map[string]models.File{
		"of another room": otherRoom, "of another user": otherUser, "of another message": sent,
		"of a deleted message": deleted,
		"unknown":              {ID: "f_NONE"},
	} {
		t.Log(name)
		send(models.NewMessage{Text: "x", FileIDs: []string{own.ID, f.ID}}).ExpectInvalid("file_ids[1]")
	}
	send(models.NewMessage{FileIDs: []string{own.ID, own.ID}}).ExpectInvalid("file_ids[1]")
	send(models.NewMessage{FileIDs: []string{""}}).ExpectInvalid("file_ids[0]")
	send(models.NewMessage{FileIDs: make([]string, 11)}).ExpectInvalid("file_ids")
	send(models.NewMessage{Type: models.MessageImage, FileIDs: []string{own.ID}}).ExpectProblem(422, models.CodeBadFile)
	send(models.NewMessage{Type: models.MessageFile, Text: "no file"}).ExpectInvalid("file_ids")

	// After the refused requests the file can still be attached, once.
	m := sendAttached(anna, room.ID, own)
	if len(m.Files) != 1 || m.Files[0] != own {
		t.Errorf("got %+v", m)
	}
	send(models.NewMessage{FileIDs: []string{own.ID}}).ExpectInvalid("file_ids[0]")
	edited := models.Message{}
	anna.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "now with text"}).ExpectStatus(200).Decode(&edited)
	if len(edited.Files) != 1 || edited.Files[0] != own {
		t.Errorf("after an edit: %+v", edited)
	}
}

func testConcurrentAttach(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	f := anna.UploadFile(room.ID, "a.txt", "text/plain", []byte("hello"))
	const attempts = 8
	responses := make([]*harness.Response, attempts)
	var sending sync.WaitGroup
	for i := range attempts {
		sending.Go(func() {
			responses[i] = anna.Send("POST", harness.RoomPath(room.ID)+"/messages",
				models.NewMessage{Text: "mine", FileIDs: []string{f.ID}})
		})
	}
	sending.Wait()
	sent := 0
	for _, a := range responses {
		if a.HTTP.StatusCode == 201 {
			sent++
		} else {
			a.ExpectInvalid("file_ids[0]")
		}
	}
	history := harness.Get[models.Page[models.Message]](anna, harness.RoomPath(room.ID)+"/messages").Items
	if sent != 1 || len(history) != 1 || len(history[0].Files) != 1 {
		t.Errorf("%d messages were sent with the same file, want 1; the history is %+v", sent, history)
	}
}

func testTargetedFile(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room := anna.OpenDirectRoom(bert)
	f := uploadPhoto(anna, room.ID)
	n := models.TargetedMessage{Target: "@" + bert.User.Username,
		NewMessage: models.NewMessage{Type: models.MessageImage, FileIDs: []string{f.ID}}}
	var m models.Message
	anna.Call("POST", "/v1/messages", n).ExpectStatus(201).Decode(&m)
	if m.RoomID != room.ID || len(m.Files) != 1 || m.Files[0] != f {
		t.Errorf("got %+v", m)
	}
	expectDownloadable(bert, f, true)
}
