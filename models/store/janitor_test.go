package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestDeletedAccountIsHiddenAtOnce deletes an account: before anything is purged, nothing of it is visible.
func TestDeletedAccountIsHiddenAtOnce(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx, page := t.Context(), models.Paging{Limit: 50}
		anna, bob := h.user("anna"), h.user("bob")
		room := h.room("tea", models.RoomPublic, bob, anna)
		path, at := models.RoomPath{ID: room.ID}, models.UserPath{ID: anna.ID}
		first := h.say(room.ID, anna, "teapot")
		h.say(room.ID, bob, "kettle")
		_, _, err := h.Pin(ctx, bob.ID, path, first)
		h.must(err)
		direct, _, err := h.Direct(ctx, bob.ID, at)
		h.must(err)
		_, _, err = h.AddContact(ctx, bob.ID, at)
		h.must(err)
		_, err = h.Block(ctx, bob.ID, at)
		h.must(err)
		other := h.room("closed", models.RoomPublic, bob)
		_, _, err = h.Ban(ctx, bob.ID, models.RoomPath{ID: other.ID}, at, models.NewBan{})
		h.must(err)
		person := models.Person{Provider: "p", Issuer: "https://p.example", Subject: "1"}
		h.must(h.Link(ctx, anna.ID, person))
		before, _, err := h.Bounds(ctx)
		h.must(err)
		h.stopJanitor()
		h.must(h.deleteIf(ctx, anna.ID, func(userRow) bool { return true }))

		for _, path := range []models.UserPath{at, {Key: "anna"}} {
			_, err = h.User(ctx, path)
			h.want(err, models.CodeNotFound)
		}
		found, err := h.Users(ctx, models.UserSearch{Paging: page})
		h.must(err)
		members, err := h.Members(ctx, bob.ID, path, nil, page)
		h.must(err)
		contacts, err := h.Contacts(ctx, bob.ID, page)
		h.must(err)
		blocks, err := h.Blocks(ctx, bob.ID, page)
		h.must(err)
		bans, err := h.Bans(ctx, bob.ID, models.RoomPath{ID: other.ID}, page)
		h.must(err)
		pins, err := h.Pins(ctx, bob.ID, path, page)
		h.must(err)
		word := "teapot"
		words, err := h.SearchMessages(ctx, bob.ID, path, models.MessageSearch{Paging: page, Words: &word})
		h.must(err)
		starts, err := h.SearchMessages(ctx, bob.ID, path, models.MessageSearch{Paging: page, Prefix: &word})
		h.must(err)
		everywhere, err := h.SearchAll(ctx, bob.ID, models.WordSearch{Paging: page, Words: word})
		h.must(err)
		if n := len(found.Items); n != 1 {
			t.Errorf("%d users are found", n)
		}
		if n := len(members.Items); n != 1 {
			t.Errorf("%d members are listed", n)
		}
		if n := len(contacts.Items) + len(blocks.Items) + len(bans.Items) + len(pins.Items); n != 0 {
			t.Errorf("listed: contacts %v, blocks %v, bans %v, pins %v", contacts.Items, blocks.Items, bans.Items, pins.Items)
		}
		if n := len(words.Items) + len(starts.Items) + len(everywhere.Items); n != 0 {
			t.Errorf("found: by words %v and %v, by start %v", words.Items, everywhere.Items, starts.Items)
		}
		history, err := h.History(ctx, bob.ID, path, models.HistoryQuery{Paging: page})
		h.must(err)
		one, err := h.Message(ctx, bob.ID, path, first)
		h.must(err)
		for _, m := range []models.Message{history.Items[0], one} {
			if m.Text != "" || m.DeletedAt.IsZero() || m.Sender.Username != "deleted" {
				t.Errorf("a message is shown as %+v", m)
			}
		}
		if m := history.Items[1]; m.Text != "kettle" || !m.DeletedAt.IsZero() {
			t.Errorf("another's message is shown as %+v", m)
		}
		shown, err := h.Room(ctx, bob.ID, models.RoomPath{ID: direct.ID})
		h.must(err)
		if len(shown.Users) != 1 || shown.Users[0].ID != bob.ID {
			t.Errorf("in the direct room are %+v", shown.Users)
		}
		known, err := h.Acquaintances(ctx, bob.ID, 100)
		h.must(err)
		if len(known) != 0 {
			t.Errorf("bob knows %v", known)
		}
		// Counts change together with their events, which are sent later.
		now, err := h.Room(ctx, bob.ID, path)
		h.must(err)
		if events := h.visibleEvents(bob.ID, before); now.MemberCount != 2 || now.MessageCount != 2 || len(events) != 0 {
			t.Errorf("got %d members and %d messages, but the events %v", now.MemberCount, now.MessageCount, events)
		}

		h.refusesDeleted(anna, room)
		again := h.user("anna")
		h.must(h.IssueLoginCode(ctx, person, models.LoginCode{Hash: "h", BrowserHash: "b", ExpiresAt: models.At(time.Now().
			Add(time.Minute))}))
		if again.ID == anna.ID || h.rows("users WHERE deleted_at = 0") != 3 {
			t.Error("the name and the identity cannot be used for new accounts")
		}
	})
}

// refusesDeleted checks that requests of an account that were active during its deletion change nothing.
func (h *testStore) refusesDeleted(gone models.User, room models.Room) {
	h.t.Helper()
	ctx, path, name := h.t.Context(), models.RoomPath{ID: room.ID}, "late"
	_, _, err := h.CreateRoom(ctx, gone.ID, models.NewRoom{Name: &name}, nil)
	h.want(err, models.CodeNotFound)
	_, _, err = h.React(ctx, gone.ID, path, 1, "👍")
	h.want(err, models.CodeNotFound)
	_, err = h.AddFile(ctx, gone.ID, room.ID, models.NewFile{Blob: "none"}, nil)
	h.want(err, models.CodeNotFound)
	_, err = h.LogIn(ctx, gone.ID, "hash", models.NewSession{RefreshHash: "late"}, nil)
	h.want(err, models.CodeNotFound)
	_, _, err = h.PutMember(ctx, room.OwnerID, path, models.UserPath{ID: gone.ID}, models.RoleChange{})
	h.want(err, models.CodeNotFound)
}

// TestPurgeResumesAfterCrash repeatedly closes and opens the store between the batches of an account's purge: at the
// end nothing is left, each event was sent once, and the counts are exact.
func TestPurgeResumesAfterCrash(t *testing.T) {
	const rooms, alone, crashes = 40, 30, 4
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		anna, bob := h.user("anna"), h.user("bob")
		var shared []models.Room
		for i := range rooms {
			room := h.room(fmt.Sprint("shared", i), models.RoomPrivate, anna, bob)
			h.say(room.ID, anna, "hello")
			shared = append(shared, room)
		}
		for i := range alone {
			h.say(h.room(fmt.Sprint("alone", i), models.RoomPrivate, anna).ID, anna, "is anybody here")
		}
		_, _, err := h.AddContact(t.Context(), bob.ID, models.UserPath{ID: anna.ID})
		h.must(err)
		_, err = h.Block(t.Context(), anna.ID, models.UserPath{ID: bob.ID})
		h.must(err)
		before, _, err := h.Bounds(t.Context())
		h.must(err)
		h.stopJanitor()
		h.must(h.deleteIf(t.Context(), anna.ID, func(userRow) bool { return true }))
		for range crashes {
			more, err := h.purgeAccount(t.Context(), anna.ID)
			h.must(err)
			if !more {
				t.Fatal("too few batches to close the store between two of them")
			}
			_, err = h.purgeRooms(t.Context())
			h.must(err)
			h.close()
			h.Store = openStill(t, name)
		}
		h.close()
		h = openTestStore(t, name)
		defer h.close()
		h.purged()

		events := h.visibleEvents(bob.ID, before)
		if events[models.EventMemberLeft] != rooms || events[models.EventMemberUpdated] != rooms ||
			events[models.EventMessageDeleted] != rooms {
			t.Errorf("bob got the events %v", events)
		}
		for _, r := range shared {
			now, err := h.Room(t.Context(), bob.ID, models.RoomPath{ID: r.ID})
			h.must(err)
			if now.OwnerID != bob.ID || now.MemberCount != 1 || now.MessageCount != 0 || now.Membership.UnreadCount != 0 {
				t.Fatalf("the shared room is %+v", now)
			}
		}
		for table, most := range map[string]int64{
			"users": 1, "rooms": rooms, "memberships": rooms, "messages": rooms, "contacts": 0, "blocks": 0,
			"sessions": 1, "refresh_tokens": 1, "silences WHERE user_id <> 2": 0,
		} {
			if n := h.rows(table); n != most {
				t.Errorf("%d %s are left, not %d", n, table, most)
			}
		}
	})
}

// openStill opens a store whose janitor has done nothing: it is stopped while it waits for the writer.
func openStill(t *testing.T, name string) *Store {
	t.Helper()
	h := openTestStore(t, name)
	h.stopJanitor()
	return h.Store
}

// TestDeletedRoomIsReplayed deletes a room while a member is offline. The member's replay has the deletion and all
// events before it, whether or not the room has been purged by then. The handle of the room can be used again at once.
func TestDeletedRoomIsReplayed(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna, bob, eve := h.user("anna"), h.user("bob"), h.user("eve")
		public, private := h.room("tea", models.RoomPublic, anna, bob), h.room("secret", models.RoomPrivate, anna, bob)
		before, _, err := h.Bounds(ctx)
		h.must(err)
		h.say(private.ID, anna, "hello")
		h.say(public.ID, anna, "hello")
		h.stopJanitor()
		for _, r := range []models.Room{public, private} {
			_, err := h.DeleteRoom(ctx, anna.ID, models.RoomPath{ID: r.ID}, models.Condition{})
			h.must(err)
			for _, who := range []models.User{anna, bob} {
				_, err := h.Room(ctx, who.ID, models.RoomPath{ID: r.ID})
				h.want(err, models.CodeNotFound)
				_, _, err = h.Join(ctx, who.ID, models.RoomPath{ID: r.ID})
				h.want(err, models.CodeNotFound)
			}
		}
		rooms, err := h.Rooms(ctx, bob.ID, models.RoomsQuery{Paging: models.Paging{Limit: 50}})
		h.must(err)
		found, err := h.SearchRooms(ctx, bob.ID, models.RoomSearch{Paging: models.Paging{Limit: 50}})
		h.must(err)
		if len(rooms.Items)+len(found.Items) != 0 {
			t.Errorf("got listed rooms %v, found rooms %v", rooms.Items, found.Items)
		}
		h.room("tea", models.RoomPublic, anna)
		replayed := func(when string) {
			t.Helper()
			toBob, toEve := h.visibleEvents(bob.ID, before), h.visibleEvents(eve.ID, before)
			if toBob[models.EventMessageCreated] != 2 || toBob[models.EventRoomDeleted] != 2 {
				t.Errorf("%s, bob gets %v", when, toBob)
			}
			if toEve[models.EventMessageCreated] != 0 || toEve[models.EventRoomDeleted] != 1 {
				t.Errorf("%s, eve gets %v", when, toEve)
			}
		}
		replayed("before the purge")
		for more := true; more; {
			more, err = h.purgeRooms(ctx)
			h.must(err)
		}
		if n := h.rows("rooms"); n != 1 {
			t.Errorf("%d rooms are left", n)
		}
		replayed("after the purge")
	})
}
