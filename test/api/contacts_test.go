package api

import (
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestContacts adds and removes a contact. Both users get an event of each change and others do not, and a repeated
// change has no effect.
func TestContacts(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		friend, stranger := owner.NewGuestNamed("friend"), owner.NewGuestNamed("stranger")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		for _, c := range []*harness.Client{friend, stranger} {
			c.JoinRoom(room.ID)
		}
		streams := map[string]*harness.Stream{"owner": owner.OpenStream(""), "friend": friend.OpenStream("")}
		other := stranger.OpenStream("")

		var contact models.Contact
		added := owner.Call("PUT", harness.ContactPath(friend), nil).ExpectStatus(200).Decode(&contact)
		if contact.User.ID != friend.User.ID || contact.AddedAt.IsZero() {
			t.Errorf("got %+v", contact)
		}
		var again models.Contact
		repeated := owner.Call("PUT", "/v1/contacts/@friend", nil).ExpectStatus(200).Decode(&again)
		if repeated.Header("Event-Id") != "" || again.AddedAt != contact.AddedAt {
			t.Errorf("adding a contact again had an effect: %v", repeated)
		}
		removed := owner.Call("DELETE", harness.ContactPath(friend), nil).ExpectStatus(204)
		if a := owner.Call("DELETE", harness.ContactPath(friend), nil).ExpectStatus(204); a.Header("Event-Id") != "" {
			t.Errorf("removing a contact again had an effect: %v", a)
		}
		mark := owner.SendText(room.ID, "the mark")

		for name, s := range streams {
			for _, want := range []struct {
				event models.EventName
				from  *harness.Response
			}{{models.EventContactAdded, added}, {models.EventContactRemoved, removed}} {
				var e models.ContactEvent
				got := s.Next()
				for got.Name == string(models.EventUserOnline) {
					got = s.Next() // skips the event that the friend is online, whose stream opened just before
				}
				if err := got.Decode(&e); err != nil || got.Name != string(want.event) {
					t.Fatalf("%s: got %v, want %s", name, got, want.event)
				}
				if got.ID != want.from.Header("Event-Id") || e.Owner.ID != owner.User.ID || e.User.ID != friend.User.ID {
					t.Errorf("%s: got %v, the response has the event id %q", name, got, want.from.Header("Event-Id"))
				}
			}
		}
		var m models.Message
		other.Expect(models.EventMessageNotification, &m)
		if m.ID != mark.ID {
			t.Errorf("the stranger got %+v", m)
		}

		owner.Call("PUT", "/v1/contacts/me", nil).ExpectProblem(400, models.CodeInvalidRequest)
		for _, path := range []string{"/v1/contacts/@nobody", "/v1/contacts/999999"} {
			owner.Call("PUT", path, nil).ExpectProblem(404, models.CodeNotFound)
			owner.Call("DELETE", path, nil).ExpectStatus(204)
		}
	})
}

// TestContactPages adds many contacts at once, and reads the list page by page, the oldest contact first.
func TestContactPages(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		var want, got []int64
		var adding sync.WaitGroup
		for i := range 7 {
			c := owner.NewGuestNamed(fmt.Sprintf("friend-%d", i))
			want = append(want, c.User.ID)
			for range 2 {
				adding.Go(func() { owner.Send("PUT", harness.ContactPath(c), nil) })
			}
		}
		adding.Wait()
		for cursor := ""; ; {
			var page models.Page[models.Contact]
			a := owner.Call("GET", "/v1/contacts?limit=3&cursor="+url.QueryEscape(cursor), nil).ExpectStatus(200).Decode(&page)
			if a.Header("Event-Cursor") == "" {
				t.Error("a list of contacts has no Event-Cursor")
			}
			for _, c := range page.Items {
				got = append(got, c.User.ID)
			}
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got the pages %v, want %v", got, want)
		}
		owner.CallInvalid("GET", "/v1/contacts?cursor=nonsense", nil).ExpectProblem(400, models.CodeInvalidRequest)
		var none models.Page[models.Contact]
		owner.NewGuestNamed("lonely").Call("GET", "/v1/contacts", nil).ExpectStatus(200).Decode(&none)
		if none.Items == nil || len(none.Items) > 0 {
			t.Errorf("got %+v", none)
		}
	})
}
