package login

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestSocialLogInInBrowser logs in through a provider in a real browser, from the button of the web client to the first
// message, which another user receives.
func TestSocialLogInInBrowser(t *testing.T) {
	harness.NeedNode(t)
	t.Setenv("CHROMIUM", harness.NeedBrowser(t))
	p := harness.NewOIDCProvider(t)
	for _, v := range []harness.OIDCUser{
		{Subject: "1", Username: "ada"}, {Subject: "2", Username: "ada-at-provider"}, {Subject: "3", DeniesAccess: true},
		{Subject: "3", Username: "eve"},
	} {
		p.QueueUser(v)
	}
	s := harness.StartServer(t, harness.NewSQLite(t), "--oidc", p.Flag("mock"))
	bob := harness.NewClient(t, s.URL).NewGuest("bob")
	room := bob.CreatePublicRoom()
	stream := bob.OpenStream("")
	harness.RunNode(t, 10*time.Minute, "social.mjs", s.URL, harness.RoomPath(room.ID)[len("/v1/rooms/"):])
	var joined models.MemberEvent
	var received models.Message
	stream.Expect(models.EventMemberJoined, &joined)
	stream.Expect(models.EventMessageNotification, &received)
	if joined.User.Username != "ada" || received.Sender.ID != joined.User.ID || received.Text != "My first words" {
		t.Errorf("bob received %+v and %+v", joined, received)
	}
}
