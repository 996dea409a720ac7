package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestFileAccess(t *testing.T) {
	play(t, []scenario{
		{"who may have a file", testWhoMayHave}, {"who may no longer", testWhoMayNoLonger}, {"a file of a direct room", testDirectFile},
		{"which files a message may have", testAttachable}, {"one file, many messages at once", testAttachAtOnce},
		{"a file in a message to a target", testTargetedFile},
	})
}

// mayHave wants the client to be able to read the file in every way, or in none.
func (c *client) mayHave(f models.File, may bool) {
	c.t.Helper()
	for _, path := range []string{"/v1/files/" + f.ID, f.URL, f.ThumbnailURL} {
		switch a := c.call("GET", path, nil); {
		case may:
			a.status(200)
		case c.AccessToken == "":
			a.problem(401, models.CodeUnauthenticated)
		default:
			a.problem(404, models.CodeNotFound)
		}
	}
}

// uploadPhoto stores a picture that has a thumbnail.
func (c *client) uploadPhoto(roomID int64) models.File {
	c.t.Helper()
	f := c.upload(roomID, "photo.png", "image/png", pictureAs(c.t, "image/png", photo(8, 8)))
	c.call("GET", f.ThumbnailURL, nil).status(200)
	return f
}

func testWhoMayHave(_ *testing.T, c *client) {
	anna, bert, stranger := c.newcomer("anna"), c.newcomer("bert"), c.newcomer("stranger")
	for _, room := range []models.Room{anna.publicRoom(bert), anna.privateRoom(bert)} {
		f := anna.uploadPhoto(room.ID)
		for _, who := range []*client{bert, stranger, c} {
			who.mayHave(f, false) // not even a member, as long as no message has it
		}
		anna.mayHave(f, true)
		anna.attach(room.ID, f)
		anna.mayHave(f, true)
		bert.mayHave(f, true)
		stranger.mayHave(f, room.Kind == models.RoomPublic) // as they may read its messages
		c.mayHave(f, false)
	}
	room := anna.publicRoom()
	f := anna.uploadPhoto(room.ID)
	m := anna.attach(room.ID, f)
	outcast, guest := c.newcomer("outcast"), c.guest("passer-by")
	guest.mayHave(f, true)
	outcast.mayHave(f, true)
	anna.call("PUT", banPath(room.ID, outcast), nil).status(200)
	outcast.mayHave(f, false)
	anna.call("DELETE", messagePath(m), nil).status(204)
	guest.mayHave(f, false)
	for _, id := range []string{"f_NONE", "f_" + strings.Repeat("A", 126), strings.ToLower(f.ID), f.ID + "%2e", "..%2f" + f.ID} {
		anna.wrong("GET", "/v1/files/"+id, nil).problem(404, models.CodeNotFound)
		anna.wrong("GET", "/v1/files/"+id+"/content", nil).problem(404, models.CodeNotFound)
	}
}

func testWhoMayNoLonger(_ *testing.T, c *client) {
	anna, leaver, kicked, outcast := c.newcomer("anna"), c.newcomer("leaver"), c.newcomer("kicked"), c.newcomer("outcast")
	all := []*client{leaver, kicked, outcast}
	room := anna.publicRoom(all...)
	attached := anna.uploadPhoto(room.ID)
	anna.attach(room.ID, attached)
	own := map[*client]models.File{}
	for _, who := range all {
		own[who] = who.uploadPhoto(room.ID)
		who.mayHave(attached, true)
	}
	leaver.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
	anna.call("DELETE", memberPath(room.ID, kicked), nil).status(204)
	anna.call("PUT", banPath(room.ID, outcast), nil).status(200)
	for _, who := range all {
		who.mayHave(attached, who != outcast) // as whoever has never been in the public room
		who.mayHave(own[who], false)
	}
	anna.mayHave(attached, true)
	leaver.join(room.ID)
	leaver.mayHave(attached, true)
	leaver.mayHave(own[leaver], true)
}

func testDirectFile(_ *testing.T, c *client) {
	anna, bert, stranger := c.newcomer("anna"), c.newcomer("bert"), c.newcomer("stranger")
	room := anna.direct(bert)
	f := anna.uploadPhoto(room.ID)
	anna.attach(room.ID, f)
	bert.mayHave(f, true)
	stranger.mayHave(f, false)
	stranger.call("POST", roomPath(room.ID)+"/files", []byte("hello"), "Content-Type", "text/plain").problem(404, models.CodeNotFound)
}

// direct is the direct room with another user.
func (c *client) direct(other *client) (room models.Room) {
	c.t.Helper()
	c.call("PUT", fmt.Sprintf("/v1/users/%d/direct", other.User.ID), nil).status(200).into(&room)
	return room
}

func testAttachable(t *testing.T, c *client) {
	anna, bert := c.newcomer("anna"), c.newcomer("bert")
	room, other := anna.privateRoom(bert), anna.privateRoom(bert)
	text := func(who *client, roomID int64) models.File {
		return who.upload(roomID, "a.txt", "text/plain", []byte("hello"))
	}
	mine, elsewhere, berts, sent, deleted := text(anna, room.ID), text(anna, other.ID), text(bert, room.ID), text(anna, room.ID), text(anna, room.ID)
	anna.attach(room.ID, sent)
	gone := anna.attach(room.ID, deleted)
	anna.call("DELETE", messagePath(gone), nil).status(204)
	send := func(n models.NewMessage) *answer {
		t.Helper()
		return anna.wrong("POST", roomPath(room.ID)+"/messages", n)
	}
	for what, f := range map[string]models.File{
		"of another room": elsewhere, "of another user": berts, "of another message": sent, "of a deleted message": deleted, "of nobody": {ID: "f_NONE"},
	} {
		t.Log(what)
		send(models.NewMessage{Text: "x", FileIDs: []string{mine.ID, f.ID}}).invalid("file_ids[1]")
	}
	send(models.NewMessage{FileIDs: []string{mine.ID, mine.ID}}).invalid("file_ids[1]")
	send(models.NewMessage{FileIDs: []string{""}}).invalid("file_ids[0]")
	send(models.NewMessage{FileIDs: make([]string, 11)}).invalid("file_ids")
	send(models.NewMessage{Type: models.MessageImage, FileIDs: []string{mine.ID}}).problem(422, models.CodeBadFile)
	send(models.NewMessage{Type: models.MessageFile, Text: "no file"}).invalid("file_ids")

	// After all of that the file is still to be had, once.
	m := anna.attach(room.ID, mine)
	if len(m.Files) != 1 || m.Files[0] != mine {
		t.Errorf("got %+v", m)
	}
	send(models.NewMessage{FileIDs: []string{mine.ID}}).invalid("file_ids[0]")
	edited := models.Message{}
	anna.call("PATCH", messagePath(m), models.MessageEdit{Text: "now with words"}).status(200).into(&edited)
	if len(edited.Files) != 1 || edited.Files[0] != mine {
		t.Errorf("after an edit: %+v", edited)
	}
}

func testAttachAtOnce(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	f := anna.upload(room.ID, "a.txt", "text/plain", []byte("hello"))
	const tries = 8
	answers := make([]*answer, tries)
	var sending sync.WaitGroup
	for i := range tries {
		sending.Go(func() {
			answers[i] = anna.send("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "mine", FileIDs: []string{f.ID}})
		})
	}
	sending.Wait()
	sent := 0
	for _, a := range answers {
		if a.response.StatusCode == 201 {
			sent++
		} else {
			a.invalid("file_ids[0]")
		}
	}
	history := get[models.Page[models.Message]](anna, roomPath(room.ID)+"/messages").Items
	if sent != 1 || len(history) != 1 || len(history[0].Files) != 1 {
		t.Errorf("%d messages were taken with one file; the history is %+v", sent, history)
	}
}

func testTargetedFile(t *testing.T, c *client) {
	anna, bert := c.newcomer("anna"), c.newcomer("bert")
	room := anna.direct(bert)
	f := anna.uploadPhoto(room.ID)
	n := models.TargetedMessage{Target: "@" + bert.User.Username, NewMessage: models.NewMessage{Type: models.MessageImage, FileIDs: []string{f.ID}}}
	var m models.Message
	anna.call("POST", "/v1/messages", n).status(201).into(&m)
	if m.RoomID != room.ID || len(m.Files) != 1 || m.Files[0] != f {
		t.Errorf("got %+v", m)
	}
	bert.mayHave(f, true)
}
