package main

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestSocialLogInInBrowser has a person log in through a provider in a real browser, from the web client's button to the
// first message, which somebody else gets.
func TestSocialLogInInBrowser(t *testing.T) {
	needNode(t)
	t.Setenv("CHROMIUM", needBrowser(t))
	p := newProvider(t)
	for _, v := range []visitor{
		{subject: "1", username: "ada"}, {subject: "2", username: "ada-elsewhere"}, {subject: "3", refuses: true},
		{subject: "3", username: "eve"},
	} {
		p.QueueUser(v)
	}
	s := startServer(t, newSQLite(t), "--oidc", p.setting("mock"))
	bob := newClient(t, s.url).newcomer("bob")
	room := bob.publicRoom()
	stream := bob.open("")
	runNode(t, 3*time.Minute, "social.mjs", s.url, roomPath(room.ID)[len("/v1/rooms/"):])
	var joined models.MemberEvent
	var said models.Message
	stream.expect(models.EventMemberJoined, &joined)
	stream.expect(models.EventMessageNotification, &said)
	if joined.User.Username != "ada" || said.Sender.ID != joined.User.ID || said.Text != "My first words" {
		t.Errorf("bob was told of %+v and %+v", joined, said)
	}
}
