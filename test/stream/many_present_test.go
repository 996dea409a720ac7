package stream

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/cmd/parley/server"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestManyPresent checks that users who enter a room in which too many are present are not announced and do not send
// typing, that GET shows them all the same, and that they are announced when fewer are left.
func TestManyPresent(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServerWith(t, database, func(c *server.Config) { c.PresentAnnounced = 2 },
			"--presence-room-limit", "0")
		anna := harness.NewClient(t, s.URL).NewGuestNamed("anna")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		watching := anna.OpenStream("")
		anna.Call("PUT", harness.PresencePath(room.ID, watching), nil).ExpectStatus(204)
		expect := func(name models.EventName, user *harness.Client) {
			t.Helper()
			var e models.PresenceEvent
			watching.Expect(name, &e)
			if e.User != user.User.Ref() {
				t.Errorf("got %s of %+v, want %s", name, e.User, user.User.Username)
			}
		}
		expect(models.EventPresenceEntered, anna)
		var users []*harness.Client
		var streams []*harness.Stream
		for i := range 3 {
			user := anna.NewGuestNamed(fmt.Sprint("user", i))
			user.JoinRoom(room.ID)
			watching.Expect(models.EventMemberJoined, nil)
			users = append(users, user)
		}
		for _, user := range users {
			stream := user.OpenStream(fmt.Sprintf("room=%d", room.ID))
			stream.Expect(models.EventPresenceEntered, nil) // the stream's own user, however many are present
			streams = append(streams, stream)
		}
		expect(models.EventPresenceEntered, users[0])

		// Of four, two are announced.
		users[1].Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
		anna.SendText(room.ID, "four are present")
		watching.Expect(models.EventMessageCreated, nil)
		path := harness.RoomPath(room.ID) + "/members?present=true&limit=3"
		page := harness.Get[models.Page[models.Member]](anna, path)
		rest := harness.Get[models.Page[models.Member]](anna, path+"&cursor="+page.NextCursor)
		if len(page.Items) != 3 || len(rest.Items) != 1 {
			t.Errorf("%d and %d members are present, want 3 and 1", len(page.Items), len(rest.Items))
		}

		users[1].Call("DELETE", harness.PresencePath(room.ID, streams[1]), nil).ExpectStatus(204)
		anna.SendText(room.ID, "three are present")
		watching.Expect(models.EventMessageCreated, nil)
		users[0].Call("DELETE", harness.PresencePath(room.ID, streams[0]), nil).ExpectStatus(204)
		expect(models.EventPresenceLeft, users[0])
		expect(models.EventPresenceEntered, users[2])
		users[2].Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
		watching.Expect(models.EventTyping, nil)
		users[2].Call("DELETE", harness.PresencePath(room.ID, streams[2]), nil).ExpectStatus(204)
		expect(models.EventPresenceLeft, users[2])
	})
}
