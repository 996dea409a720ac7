package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestOnlineStatusReachesContactsAndSmallRooms checks that user.online and user.offline go to users who have the user
// as a contact or share a small room with them, and to nobody else. A user who reconnects within five seconds stays
// online.
func TestOnlineStatusReachesContactsAndSmallRooms(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "2")
		anna := harness.NewClient(t, s.URL).NewGuestNamed("anna")
		small := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("small")})
		large := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("large")})
		friend, roommate := anna.NewGuestNamed("friend"), anna.NewGuestNamed("roommate")
		distant := anna.NewGuestNamed("distant")
		friend.Call("PUT", harness.ContactPath(anna), nil).ExpectStatus(200)
		// A contact in the opposite direction: distant has no contacts.
		anna.Call("PUT", harness.ContactPath(distant), nil).ExpectStatus(200)
		roommate.JoinRoom(small.ID)
		for _, c := range []*harness.Client{roommate, distant} {
			c.JoinRoom(large.ID)
		}
		notified := map[string]*harness.Stream{"friend": friend.OpenStream(""), "roommate": roommate.OpenStream("")}
		notNotified := distant.OpenStream("")

		if u := friend.GetUser("@anna"); u.Online || !u.LastSeenAt.IsZero() {
			t.Errorf("before the first stream, the user is %+v", u)
		}
		query := fmt.Sprintf("room=%d", small.ID)
		present := roommate.OpenStream(query)
		present.Expect(models.EventPresenceEntered, nil)
		first := anna.OpenStream(query)
		notified["roommate"].Expect(models.EventUserOnline, nil)
		notified["friend"].ExpectUserStatus(models.EventUserOnline, anna)
		second := anna.OpenStream(query)
		if u := friend.GetUser("@anna"); !u.Online || !u.LastSeenAt.IsZero() {
			t.Errorf("with two open streams, the user is %+v", u)
		}
		disconnect := func(streams ...*harness.Stream) {
			for _, s := range streams {
				s.Cancel()
			}
			for e := present.Next(); e.Name != string(models.EventPresenceLeft); {
				e = present.Next() // skips user.online and presence.entered
			}
		}
		disconnect(first, second)
		s.Hub.CheckStreams(time.Now().Add(4 * time.Second))
		reconnected := anna.OpenStream(query)
		disconnect(reconnected)
		s.Hub.CheckStreams(time.Now().Add(6 * time.Second))
		at := notified["friend"].ExpectUserStatus(models.EventUserOffline, anna)
		notified["roommate"].ExpectUserStatus(models.EventUserOffline, anna)
		if at.Before(reconnected.Ready.ServerTime.Time) {
			t.Errorf("user.offline has the time %v, but anna reconnected at %v", at, reconnected.Ready.ServerTime)
		}
		if u := friend.GetUser("@anna"); u.Online || u.LastSeenAt != at {
			t.Errorf("after user.offline at %v, the user is %+v", at, u)
		}

		anna.SendText(large.ID, "the end")
		if e := notNotified.Next(); e.Name != string(models.EventMessageNotification) {
			t.Errorf("a user without anna as a contact or a small room with her got %v", e)
		}
	})
}

// TestLastSeenIsStoredWhenTheServerStops stops the server while a stream is open. That time becomes the user's
// last_seen_at.
func TestLastSeenIsStoredWhenTheServerStops(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		anna := harness.NewClient(t, s.URL).NewGuestNamed("anna")
		stream := anna.OpenStream("")
		s.Stop()
		stream.Expect(models.EventServerClosing, nil)
		again := anna.AtServer(harness.StartServer(t, database).URL)
		if u := again.GetUser("me"); u.Online || u.LastSeenAt.Before(stream.Ready.ServerTime.Time) {
			t.Errorf("after a stream from %v until the server stopped, the user is %+v", stream.Ready.ServerTime, u)
		}
	})
}
