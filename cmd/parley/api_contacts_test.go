package main

import (
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestContacts goes through the life of a contact list: who is told of each change, that both changes can be repeated,
// and that the list comes in pages, the oldest entry first.
func TestContacts(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--presence-room-limit", "0")
		owner := newClient(t, s.url).guest("owner")
		friend, stranger := owner.guest("friend"), owner.guest("stranger")
		room := owner.room(models.NewRoom{Name: ptr("room")})
		for _, c := range []*client{friend, stranger} {
			c.join(room.ID)
		}
		streams := map[string]*stream{"owner": owner.open(""), "friend": friend.open("")}
		other := stranger.open("")

		var contact models.Contact
		added := owner.call("PUT", contactPath(friend), nil).status(200).into(&contact)
		if contact.User.ID != friend.User.ID || contact.AddedAt.IsZero() {
			t.Errorf("got %+v", contact)
		}
		var again models.Contact
		repeated := owner.call("PUT", "/v1/contacts/@friend", nil).status(200).into(&again)
		if repeated.header("Event-Id") != "" || again.AddedAt != contact.AddedAt {
			t.Errorf("adding a contact again changed something: %v", repeated)
		}
		removed := owner.call("DELETE", contactPath(friend), nil).status(204)
		if a := owner.call("DELETE", contactPath(friend), nil).status(204); a.header("Event-Id") != "" {
			t.Errorf("removing a contact again changed something: %v", a)
		}
		mark := owner.say(room.ID, "the mark")

		for name, s := range streams {
			for _, want := range []struct {
				event models.EventName
				from  *answer
			}{{models.EventContactAdded, added}, {models.EventContactRemoved, removed}} {
				var e models.ContactEvent
				got := s.next()
				for got.name == string(models.EventUserOnline) {
					got = s.next() // of the friend, whose stream opened just before
				}
				if err := got.into(&e); err != nil || got.name != string(want.event) {
					t.Fatalf("%s wanted %s, got %v", name, want.event, got)
				}
				if got.id != want.from.header("Event-Id") || e.Owner.ID != owner.User.ID || e.User.ID != friend.User.ID {
					t.Errorf("%s got %v, of which the answer said %q", name, got, want.from.header("Event-Id"))
				}
			}
		}
		var m models.Message
		other.expect(models.EventMessageNotification, &m)
		if m.ID != mark.ID {
			t.Errorf("the stranger got %+v", m)
		}

		owner.call("PUT", "/v1/contacts/me", nil).problem(400, models.CodeInvalidRequest)
		for _, method := range []string{"PUT", "DELETE"} {
			for _, path := range []string{"/v1/contacts/@nobody", "/v1/contacts/999999"} {
				owner.call(method, path, nil).problem(404, models.CodeNotFound)
			}
		}
	})
}

// TestContactPages reads a list of contacts page by page, on which many were put at once.
func TestContactPages(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		var want, got []int64
		var adding sync.WaitGroup
		for i := range 7 {
			c := owner.guest(fmt.Sprintf("friend-%d", i))
			want = append(want, c.User.ID)
			for range 2 {
				adding.Go(func() { owner.send("PUT", contactPath(c), nil) })
			}
		}
		adding.Wait()
		for cursor := ""; ; {
			var page models.Page[models.Contact]
			a := owner.call("GET", "/v1/contacts?limit=3&cursor="+url.QueryEscape(cursor), nil).status(200).into(&page)
			if a.header("Event-Cursor") == "" {
				t.Error("a list of contacts names no place in the log")
			}
			for _, c := range page.Items {
				got = append(got, c.User.ID)
			}
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the pages have %v, not %v", got, want)
		}
		owner.wrong("GET", "/v1/contacts?cursor=nonsense", nil).problem(400, models.CodeInvalidRequest)
		var none models.Page[models.Contact]
		owner.guest("lonely").call("GET", "/v1/contacts", nil).status(200).into(&none)
		if none.Items == nil || len(none.Items) > 0 {
			t.Errorf("got %+v", none)
		}
	})
}

func contactPath(c *client) string { return fmt.Sprintf("/v1/contacts/%d", c.User.ID) }
