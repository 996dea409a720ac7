package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestOnline tells who comes online and who goes, to those who have them as a contact or share a small room with them,
// and to nobody else. One who comes back within five seconds was never gone.
func TestOnline(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--presence-room-limit", "2")
		anna := newClient(t, s.url).guest("anna")
		small, large := anna.room(models.NewRoom{Name: ptr("small")}), anna.room(models.NewRoom{Name: ptr("large")})
		friend, roommate, distant := anna.guest("friend"), anna.guest("roommate"), anna.guest("distant")
		friend.call("PUT", contactPath(anna), nil).status(200)
		anna.call("PUT", contactPath(distant), nil).status(200) // the other way round: distant has nobody on their list
		roommate.join(small.ID)
		for _, c := range []*client{roommate, distant} {
			c.join(large.ID)
		}
		told := map[string]*stream{"friend": friend.open(""), "roommate": roommate.open("")}
		untold := distant.open("")

		if u := friend.user("@anna"); u.Online || !u.LastSeenAt.IsZero() {
			t.Errorf("one who never was online is %+v", u)
		}
		query := fmt.Sprintf("room=%d", small.ID)
		inside := roommate.open(query)
		inside.expect(models.EventPresenceEntered, nil)
		first := anna.open(query)
		told["roommate"].expect(models.EventUserOnline, nil)
		told["friend"].expectStatus(models.EventUserOnline, anna)
		second := anna.open(query)
		if u := friend.user("@anna"); !u.Online || !u.LastSeenAt.IsZero() {
			t.Errorf("one who is online is %+v", u)
		}
		leave := func(streams ...*stream) {
			for _, s := range streams {
				s.cancel()
			}
			for e := inside.next(); e.name != string(models.EventPresenceLeft); {
				e = inside.next() // who is online, and who entered
			}
		}
		leave(first, second)
		s.hub.Sweep(time.Now().Add(4 * time.Second))
		back := anna.open(query)
		leave(back)
		s.hub.Sweep(time.Now().Add(6 * time.Second))
		at := told["friend"].expectStatus(models.EventUserOffline, anna)
		told["roommate"].expectStatus(models.EventUserOffline, anna)
		if at.Before(back.ready.ServerTime.Time) {
			t.Errorf("anna was told to have gone at %v, and came back at %v", at, back.ready.ServerTime)
		}
		if u := friend.user("@anna"); u.Online || u.LastSeenAt != at {
			t.Errorf("one who went at %v is %+v", at, u)
		}

		anna.say(large.ID, "the mark")
		if e := untold.next(); e.name != string(models.EventMessageNotification) {
			t.Errorf("one who neither has anna as a contact nor shares a small room with her got %v", e)
		}
	})
}

// TestLastSeenOutlivesTheServer stops the server under an open stream: its user was last seen then.
func TestLastSeenOutlivesTheServer(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		anna := newClient(t, s.url).guest("anna")
		stream := anna.open("")
		s.halt()
		stream.expect(models.EventServerClosing, nil)
		again := anna.at(startServer(t, database).url)
		if u := again.user("me"); u.Online || u.LastSeenAt.Before(stream.ready.ServerTime.Time) {
			t.Errorf("one whose stream began at %v and ended with the server is %+v", stream.ready.ServerTime, u)
		}
	})
}

// expectStatus takes the event that says when user came online or went.
func (s *stream) expectStatus(name models.EventName, user *client) models.Time {
	s.t.Helper()
	var e models.UserStatus
	if got := s.expect(name, &e); got.id != "" || e.User != user.User.Ref() || e.At.IsZero() {
		s.t.Errorf("got %v", got)
	}
	return e.At
}

func (c *client) user(path string) models.User {
	c.t.Helper()
	var u models.User
	c.call("GET", "/v1/users/"+path, nil).status(200).into(&u)
	return u
}
