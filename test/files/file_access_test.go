package files

import (
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestFileAccess(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "who may have a file", Play: testWhoMayHave}, {Name: "who may no longer", Play: testWhoMayNoLonger}, {Name: "a file of a direct room", Play: testDirectFile},
		{Name: "which files a message may have", Play: testAttachable}, {Name: "one file, many messages at once", Play: testAttachAtOnce},
		{Name: "a file in a message to a target", Play: testTargetedFile},
	})
}

// expectDownloadable wants the client to be able to read the file in every way, or in none.
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

// uploadPhoto stores a picture that has a thumbnail.
func uploadPhoto(c *harness.Client, roomID int64) models.File {
	c.T.Helper()
	f := c.UploadFile(roomID, "photo.png", "image/png", pictureAs(c.T, "image/png", harness.Photo(8, 8)))
	c.Call("GET", f.ThumbnailURL, nil).ExpectStatus(200)
	return f
}

func testWhoMayHave(_ *testing.T, c *harness.Client) {
	anna, bert, stranger := c.NewGuest("anna"), c.NewGuest("bert"), c.NewGuest("stranger")
	for _, room := range []models.Room{anna.CreatePublicRoom(bert), anna.CreatePrivateRoom(bert)} {
		f := uploadPhoto(anna, room.ID)
		for _, who := range []*harness.Client{bert, stranger, c} {
			expectDownloadable(who, f, false) // not even a member, as long as no message has it
		}
		expectDownloadable(anna, f, true)
		sendAttached(anna, room.ID, f)
		expectDownloadable(anna, f, true)
		expectDownloadable(bert, f, true)
		expectDownloadable(stranger, f, room.Kind == models.RoomPublic) // as they may read its messages
		expectDownloadable(c, f, false)
	}
	room := anna.CreatePublicRoom()
	f := uploadPhoto(anna, room.ID)
	m := sendAttached(anna, room.ID, f)
	outcast, guest := c.NewGuest("outcast"), c.NewGuestNamed("passer-by")
	expectDownloadable(guest, f, true)
	expectDownloadable(outcast, f, true)
	anna.Call("PUT", harness.BanPath(room.ID, outcast), nil).ExpectStatus(200)
	expectDownloadable(outcast, f, false)
	anna.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204)
	expectDownloadable(guest, f, false)
	for _, id := range []string{"f_NONE", "f_" + strings.Repeat("A", 126), strings.ToLower(f.ID), f.ID + "%2e", "..%2f" + f.ID} {
		anna.CallInvalid("GET", "/v1/files/"+id, nil).ExpectProblem(404, models.CodeNotFound)
		anna.CallInvalid("GET", "/v1/files/"+id+"/content", nil).ExpectProblem(404, models.CodeNotFound)
	}
}

func testWhoMayNoLonger(_ *testing.T, c *harness.Client) {
	anna, leaver, kicked, outcast := c.NewGuest("anna"), c.NewGuest("leaver"), c.NewGuest("kicked"), c.NewGuest("outcast")
	all := []*harness.Client{leaver, kicked, outcast}
	room := anna.CreatePublicRoom(all...)
	attached := uploadPhoto(anna, room.ID)
	sendAttached(anna, room.ID, attached)
	own := map[*harness.Client]models.File{}
	for _, who := range all {
		own[who] = uploadPhoto(who, room.ID)
		expectDownloadable(who, attached, true)
	}
	leaver.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
	anna.Call("DELETE", harness.MemberPath(room.ID, kicked), nil).ExpectStatus(204)
	anna.Call("PUT", harness.BanPath(room.ID, outcast), nil).ExpectStatus(200)
	for _, who := range all {
		expectDownloadable(who, attached, who != outcast) // as whoever has never been in the public room
		expectDownloadable(who, own[who], false)
	}
	expectDownloadable(anna, attached, true)
	leaver.JoinRoom(room.ID)
	expectDownloadable(leaver, attached, true)
	expectDownloadable(leaver, own[leaver], true)
}

func testDirectFile(_ *testing.T, c *harness.Client) {
	anna, bert, stranger := c.NewGuest("anna"), c.NewGuest("bert"), c.NewGuest("stranger")
	room := anna.OpenDirectRoom(bert)
	f := uploadPhoto(anna, room.ID)
	sendAttached(anna, room.ID, f)
	expectDownloadable(bert, f, true)
	expectDownloadable(stranger, f, false)
	stranger.Call("POST", harness.RoomPath(room.ID)+"/files", []byte("hello"), "Content-Type", "text/plain").ExpectProblem(404, models.CodeNotFound)
}

func testAttachable(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room, other := anna.CreatePrivateRoom(bert), anna.CreatePrivateRoom(bert)
	text := func(who *harness.Client, roomID int64) models.File {
		return who.UploadFile(roomID, "a.txt", "text/plain", []byte("hello"))
	}
	mine, elsewhere, berts, sent, deleted := text(anna, room.ID), text(anna, other.ID), text(bert, room.ID), text(anna, room.ID), text(anna, room.ID)
	sendAttached(anna, room.ID, sent)
	gone := sendAttached(anna, room.ID, deleted)
	anna.Call("DELETE", harness.MessagePath(gone), nil).ExpectStatus(204)
	send := func(n models.NewMessage) *harness.Response {
		t.Helper()
		return anna.CallInvalid("POST", harness.RoomPath(room.ID)+"/messages", n)
	}
	for what, f := range map[string]models.File{
		"of another room": elsewhere, "of another user": berts, "of another message": sent, "of a deleted message": deleted, "of nobody": {ID: "f_NONE"},
	} {
		t.Log(what)
		send(models.NewMessage{Text: "x", FileIDs: []string{mine.ID, f.ID}}).ExpectInvalid("file_ids[1]")
	}
	send(models.NewMessage{FileIDs: []string{mine.ID, mine.ID}}).ExpectInvalid("file_ids[1]")
	send(models.NewMessage{FileIDs: []string{""}}).ExpectInvalid("file_ids[0]")
	send(models.NewMessage{FileIDs: make([]string, 11)}).ExpectInvalid("file_ids")
	send(models.NewMessage{Type: models.MessageImage, FileIDs: []string{mine.ID}}).ExpectProblem(422, models.CodeBadFile)
	send(models.NewMessage{Type: models.MessageFile, Text: "no file"}).ExpectInvalid("file_ids")

	// After all of that the file is still to be had, once.
	m := sendAttached(anna, room.ID, mine)
	if len(m.Files) != 1 || m.Files[0] != mine {
		t.Errorf("got %+v", m)
	}
	send(models.NewMessage{FileIDs: []string{mine.ID}}).ExpectInvalid("file_ids[0]")
	edited := models.Message{}
	anna.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "now with words"}).ExpectStatus(200).Decode(&edited)
	if len(edited.Files) != 1 || edited.Files[0] != mine {
		t.Errorf("after an edit: %+v", edited)
	}
}

func testAttachAtOnce(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	f := anna.UploadFile(room.ID, "a.txt", "text/plain", []byte("hello"))
	const tries = 8
	answers := make([]*harness.Response, tries)
	var sending sync.WaitGroup
	for i := range tries {
		sending.Go(func() {
			answers[i] = anna.Send("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "mine", FileIDs: []string{f.ID}})
		})
	}
	sending.Wait()
	sent := 0
	for _, a := range answers {
		if a.HTTP.StatusCode == 201 {
			sent++
		} else {
			a.ExpectInvalid("file_ids[0]")
		}
	}
	history := harness.Get[models.Page[models.Message]](anna, harness.RoomPath(room.ID)+"/messages").Items
	if sent != 1 || len(history) != 1 || len(history[0].Files) != 1 {
		t.Errorf("%d messages were taken with one file; the history is %+v", sent, history)
	}
}

func testTargetedFile(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room := anna.OpenDirectRoom(bert)
	f := uploadPhoto(anna, room.ID)
	n := models.TargetedMessage{Target: "@" + bert.User.Username, NewMessage: models.NewMessage{Type: models.MessageImage, FileIDs: []string{f.ID}}}
	var m models.Message
	anna.Call("POST", "/v1/messages", n).ExpectStatus(201).Decode(&m)
	if m.RoomID != room.ID || len(m.Files) != 1 || m.Files[0] != f {
		t.Errorf("got %+v", m)
	}
	expectDownloadable(bert, f, true)
}
