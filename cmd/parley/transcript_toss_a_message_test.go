package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestTossAMessage plays toss-a-message: a username is enough to talk to all who are there, until the server closes.
func TestTossAMessage(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		server := startProcess(t, database, "--lobby", "lobby")
		p := tossAMessage{t: t}
		p.logIn(newClient(t, server.url))
		p.sendMessage()
		p.chunks()
		p.disconnect()
		p.closeServer(server)
	})
}

// tossAMessage is the cast: vincent, paul and theo, and eve, who has left the lobby.
type tossAMessage struct {
	t                        *testing.T
	vincent, paul, theo, eve *actor
	lobby                    models.Room
}

func (p *tossAMessage) logIn(c *client) {
	// The room of all who are there was there before anybody.
	eve := c.visit("eve")
	p.lobby = get[models.Room](eve, named("lobby"))
	if p.lobby.Kind != models.RoomPublic || p.lobby.MemberCount != 1 || p.lobby.Membership == nil {
		p.t.Errorf("the lobby is %+v", p.lobby)
	}
	eve.call("DELETE", named("lobby")+"/members/me", nil).status(204)
	p.eve = eve.attend()

	// log-in → log-in with the time to the one who logs in, log-in with name and time to the others
	p.vincent = p.eve.meets(c.visit("vincent"))
	p.paul = p.comes(c, "paul", p.vincent)
	p.theo = p.comes(c, "theo", p.vincent, p.paul)
	// log-in with a username that is not unique
	c.call("POST", "/v1/sessions", models.Credentials{Username: "Vincent", Guest: true}).problem(409, models.CodeUsernameTaken)
	// paul has the lobby open.
	p.paul.enters(p.lobby, p.paul)
}

// comes logs somebody in, which the others are told: that there is one more in the lobby, and that they are online.
func (p *tossAMessage) comes(c *client, name string, others ...*actor) *actor {
	p.t.Helper()
	g := c.visit(name)
	told(p.t, models.EventMemberJoined, models.MemberEvent{RoomID: p.lobby.ID, User: g.User.Ref(), Role: models.RoleMember}, others...)
	newcomer := p.eve.meets(g)
	for _, o := range others {
		newcomer.dated(o.stream.expectStatus(models.EventUserOnline, g))
	}
	return newcomer
}

func (p *tossAMessage) sendMessage() {
	// send-message → send-message with name, message and time to all
	sunflowers := part{"file", "sunflowers.png", "image/png", string(dot())}
	painting := models.NewMessage{Type: models.MessageImage, Text: "Check my new painting!"}
	first := p.vincent.brings(p.lobby, 1, painting, sunflowers).created(p.vincent, p.paul).notified(p.theo).
		downloaded(p.vincent, p.paul, p.theo, p.eve)
	second := p.theo.writes(p.lobby, 2, text("Sunflowers again?")).created(p.theo, p.paul).notified(p.vincent)
	p.paul.holds(named("lobby")+"/messages", first.Message, second.Message)
	// send-message of one who is not there
	p.eve.call("POST", named("lobby")+"/messages", text("Let me see!")).problem(403, models.CodeForbidden)
}

func (p *tossAMessage) chunks() {
	colours := part{"file", "colours.txt", "text/plain", strings.Repeat("More yellow! ", 10_000)}
	content := []byte(colours.content)
	lobby := roomPath(p.lobby.ID)
	// chunks with the number of bytes → status 101, and then the bytes: an attachment at once
	var f models.File
	p.paul.readyFor("POST", lobby+"/files?name="+colours.name, content, "Content-Type", colours.mediaType).status(201).into(&f)
	message := models.NewMessage{Type: models.MessageFile, FileIDs: []string{f.ID}}
	p.paul.writes(p.lobby, 3, message, colours).created(p.paul).notified(p.vincent, p.theo)
	// the same in pieces
	film := part{"file", "film.txt", "text/plain", colours.content}
	upload := "/v1/uploads/" + p.vincent.announce(p.lobby.ID, len(content))
	for at := 0; at < len(content); at += 50_000 {
		piece := content[at:min(at+50_000, len(content))]
		sent := p.vincent.readyFor("PATCH", upload, piece, "Content-Type", chunkType, "Tus-Resumable", "1.0.0", "Upload-Offset", strconv.Itoa(at))
		if got, want := sent.status(204).header("Upload-Offset"), strconv.Itoa(at+len(piece)); got != want {
			p.t.Errorf("after %s bytes the upload stands at %s", want, got)
		}
		f.ID = sent.header("Parley-File-Id")
	}
	message.FileIDs[0] = f.ID
	p.vincent.writes(p.lobby, 4, message, film).created(p.vincent, p.paul).notified(p.theo).
		downloaded(p.vincent, p.paul, p.theo, p.eve)
	// chunks of one who is not there
	p.eve.notReadyFor("POST", lobby+"/files", content, "Content-Type", colours.mediaType).problem(403, models.CodeForbidden)
}

func (p *tossAMessage) disconnect() {
	// Whoever goes is told of like whoever comes, a few seconds later.
	p.theo.stream.cancel()
	at := p.vincent.stream.expectStatus(models.EventUserOffline, p.theo.client)
	for _, a := range []*actor{p.paul, p.eve} {
		if a.stream.expectStatus(models.EventUserOffline, p.theo.client) != at {
			p.t.Errorf("theo went at %v, and at another time", at)
		}
	}
	p.theo.dated(at)
}

func (p *tossAMessage) closeServer(server *process) {
	// close-server → close-server to every client, whose connection is then closed
	stopped := make(chan int)
	go func() { stopped <- server.terminate() }()
	for _, a := range []*actor{p.vincent, p.paul, p.eve} {
		a.stream.expect(models.EventServerClosing, nil)
		a.stream.end()
	}
	if status := <-stopped; status != 0 {
		p.t.Errorf("the exit status is %d: %s", status, server.output.String())
	}
}
