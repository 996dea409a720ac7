package protocols

import (
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestTossAMessage plays toss-a-message: with nothing but a username, guests chat in the lobby until the server stops.
func TestTossAMessage(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		server := harness.StartProcess(t, database, "--lobby", "lobby")
		p := tossAMessage{t: t}
		p.logIn(harness.NewClient(t, server.URL))
		p.sendMessage()
		p.chunks()
		p.disconnect()
		p.closeServer(server)
	})
}

// tossAMessage has the participants: vincent, paul and theo, who are in the lobby, and eve, who has left it.
type tossAMessage struct {
	t                        *testing.T
	vincent, paul, theo, eve *harness.Participant
	lobby                    models.Room
}

func (p *tossAMessage) logIn(c *harness.Client) {
	// The lobby exists before the first guest, who becomes a member.
	eve := c.SignInGuest("eve")
	p.lobby = harness.Get[models.Room](eve, harness.HandlePath("lobby"))
	if p.lobby.Kind != models.RoomPublic || p.lobby.MemberCount != 1 || p.lobby.Membership == nil {
		p.t.Errorf("the lobby is %+v", p.lobby)
	}
	eve.Call("DELETE", harness.HandlePath("lobby")+"/members/me", nil).ExpectStatus(204)
	p.eve = eve.Participate()

	// log-in → log-in with the time to the user who logs in, log-in with name and time to the others
	p.vincent = p.eve.AddContactAndParticipate(c.SignInGuest("vincent"))
	p.paul = p.logInGuest(c, "paul", p.vincent)
	p.theo = p.logInGuest(c, "theo", p.vincent, p.paul)
	// log-in with a username that is not unique
	c.Call("POST", "/v1/sessions", models.Credentials{Username: "Vincent", Guest: true}).
		ExpectProblem(409, models.CodeUsernameTaken)
	// paul is present in the lobby.
	p.paul.EnterRoom(p.lobby, p.paul)
}

// logInGuest logs in a guest, and expects two events at the others: the guest has joined the lobby, and is online.
func (p *tossAMessage) logInGuest(c *harness.Client, name string, others ...*harness.Participant) *harness.Participant {
	p.t.Helper()
	g := c.SignInGuest(name)
	joined := models.MemberEvent{RoomID: p.lobby.ID, User: g.User.Ref(), Role: models.RoleMember}
	harness.ExpectSameEvent(p.t, models.EventMemberJoined, joined, others...)
	newcomer := p.eve.AddContactAndParticipate(g)
	for _, o := range others {
		newcomer.ExpectRecent(o.Stream.ExpectUserStatus(models.EventUserOnline, g))
	}
	return newcomer
}

func (p *tossAMessage) sendMessage() {
	// send-message → send-message with name, message and time to all
	sunflowers := harness.FormPart{
		Field:     "file",
		Name:      "sunflowers.png",
		MediaType: "image/png",
		Content:   string(harness.OnePixelPNG()),
	}
	painting := models.NewMessage{Type: models.MessageImage, Text: "Check my new painting!"}
	first := p.vincent.SendFiles(p.lobby, 1, painting, sunflowers).ExpectCreated(p.vincent, p.paul).ExpectNotified(p.theo).
		ExpectDownloadable(p.vincent, p.paul, p.theo, p.eve)
	second := p.theo.SendMessage(p.lobby, 2, text("Sunflowers again?")).
		ExpectCreated(p.theo, p.paul).
		ExpectNotified(p.vincent)
	p.paul.ExpectMessages(harness.HandlePath("lobby")+"/messages", first.Message, second.Message)
	// send-message of a user who is not a member
	p.eve.Call("POST", harness.HandlePath("lobby")+"/messages", text("Let me see!")).
		ExpectProblem(403, models.CodeForbidden)
}

func (p *tossAMessage) chunks() {
	colours := harness.FormPart{
		Field:     "file",
		Name:      "colours.txt",
		MediaType: "text/plain",
		Content:   strings.Repeat("More yellow! ", 10_000),
	}
	content := []byte(colours.Content)
	lobby := harness.RoomPath(p.lobby.ID)
	// chunks with the number of bytes → status 101, and then the bytes: an attachment in one request
	var f models.File
	sendAfterContinue(p.paul.Client, "POST", lobby+"/files?name="+colours.Name, content,
		"Content-Type", colours.MediaType).ExpectStatus(201).Decode(&f)
	message := models.NewMessage{Type: models.MessageFile, FileIDs: []string{f.ID}}
	p.paul.SendMessage(p.lobby, 3, message, colours).ExpectCreated(p.paul).ExpectNotified(p.vincent, p.theo)
	// the same in chunks
	film := harness.FormPart{Field: "file", Name: "film.txt", MediaType: "text/plain", Content: colours.Content}
	upload := "/v1/uploads/" + p.vincent.CreateTextUpload(p.lobby.ID, len(content))
	for offset := 0; offset < len(content); offset += 50_000 {
		chunk := content[offset:min(offset+50_000, len(content))]
		sent := sendAfterContinue(p.vincent.Client, "PATCH", upload, chunk, "Content-Type", harness.UploadChunkType,
			"Tus-Resumable", "1.0.0", "Upload-Offset", strconv.Itoa(offset))
		if got, want := sent.ExpectStatus(204).Header("Upload-Offset"), strconv.Itoa(offset+len(chunk)); got != want {
			p.t.Errorf("the upload has the offset %s, want %s", got, want)
		}
		f.ID = sent.Header("Parley-File-Id")
	}
	message.FileIDs[0] = f.ID
	p.vincent.SendMessage(p.lobby, 4, message, film).ExpectCreated(p.vincent, p.paul).ExpectNotified(p.theo).
		ExpectDownloadable(p.vincent, p.paul, p.theo, p.eve)
	// chunks of a user who is not a member
	expectNoContinue(p.eve.Client, "POST", lobby+"/files", content, "Content-Type", colours.MediaType).
		ExpectProblem(403, models.CodeForbidden)
}

func (p *tossAMessage) disconnect() {
	// The others get the event of a user who disconnects a few seconds later.
	p.theo.Stream.Cancel()
	at := p.vincent.Stream.ExpectUserStatus(models.EventUserOffline, p.theo.Client)
	for _, a := range []*harness.Participant{p.paul, p.eve} {
		if got := a.Stream.ExpectUserStatus(models.EventUserOffline, p.theo.Client); got != at {
			p.t.Errorf("theo went offline at %v for vincent and at %v for %s", at, got, a.User.Username)
		}
	}
	p.theo.ExpectRecent(at)
}

func (p *tossAMessage) closeServer(server *harness.Process) {
	// close-server → close-server to every client, whose connection is then closed
	stopped := make(chan int)
	go func() { stopped <- server.Terminate() }()
	for _, a := range []*harness.Participant{p.vincent, p.paul, p.eve} {
		a.Stream.Expect(models.EventServerClosing, nil)
		a.Stream.ExpectEnd()
	}
	if status := <-stopped; status != 0 {
		p.t.Errorf("the exit status is %d: %s", status, server.Output.String())
	}
}
