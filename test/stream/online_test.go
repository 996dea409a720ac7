package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestOnline tells who comes online and who goes, to those who have them as a contact or share a small room with them,
// and to nobody else. One who comes back within five seconds was never gone.
func TestOnline(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "2")
		anna := harness.NewClient(t, s.URL).NewGuestNamed("anna")
		small, large := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("small")}), anna.CreateRoom(models.NewRoom{Name: harness.Ptr("large")})
		friend, roommate, distant := anna.NewGuestNamed("friend"), anna.NewGuestNamed("roommate"), anna.NewGuestNamed("distant")
		friend.Call("PUT", harness.ContactPath(anna), nil).ExpectStatus(200)
		anna.Call("PUT", harness.ContactPath(distant), nil).ExpectStatus(200) // the other way round: distant has nobody on their list
		roommate.JoinRoom(small.ID)
		for _, c := range []*harness.Client{roommate, distant} {
			c.JoinRoom(large.ID)
		}
		told := map[string]*harness.Stream{"friend": friend.OpenStream(""), "roommate": roommate.OpenStream("")}
		untold := distant.OpenStream("")

		if u := friend.GetUser("@anna"); u.Online || !u.LastSeenAt.IsZero() {
			t.Errorf("one who never was online is %+v", u)
		}
		query := fmt.Sprintf("room=%d", small.ID)
		inside := roommate.OpenStream(query)
		inside.Expect(models.EventPresenceEntered, nil)
		first := anna.OpenStream(query)
		told["roommate"].Expect(models.EventUserOnline, nil)
		told["friend"].ExpectUserStatus(models.EventUserOnline, anna)
		second := anna.OpenStream(query)
		if u := friend.GetUser("@anna"); !u.Online || !u.LastSeenAt.IsZero() {
			t.Errorf("one who is online is %+v", u)
		}
		leave := func(streams ...*harness.Stream) {
			for _, s := range streams {
				s.Cancel()
			}
			for e := inside.Next(); e.Name != string(models.EventPresenceLeft); {
				e = inside.Next() // who is online, and who entered
			}
		}
		leave(first, second)
		s.Hub.CheckStreams(time.Now().Add(4 * time.Second))
		back := anna.OpenStream(query)
		leave(back)
		s.Hub.CheckStreams(time.Now().Add(6 * time.Second))
		at := told["friend"].ExpectUserStatus(models.EventUserOffline, anna)
		told["roommate"].ExpectUserStatus(models.EventUserOffline, anna)
		if at.Before(back.Ready.ServerTime.Time) {
			t.Errorf("anna was told to have gone at %v, and came back at %v", at, back.Ready.ServerTime)
		}
		if u := friend.GetUser("@anna"); u.Online || u.LastSeenAt != at {
			t.Errorf("one who went at %v is %+v", at, u)
		}

		anna.SendText(large.ID, "the mark")
		if e := untold.Next(); e.Name != string(models.EventMessageNotification) {
			t.Errorf("one who neither has anna as a contact nor shares a small room with her got %v", e)
		}
	})
}

// TestLastSeenOutlivesTheServer stops the server under an open stream: its user was last seen then.
func TestLastSeenOutlivesTheServer(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		anna := harness.NewClient(t, s.URL).NewGuestNamed("anna")
		stream := anna.OpenStream("")
		s.Stop()
		stream.Expect(models.EventServerClosing, nil)
		again := anna.AtServer(harness.StartServer(t, database).URL)
		if u := again.GetUser("me"); u.Online || u.LastSeenAt.Before(stream.Ready.ServerTime.Time) {
			t.Errorf("one whose stream began at %v and ended with the server is %+v", stream.Ready.ServerTime, u)
		}
	})
}
