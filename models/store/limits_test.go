package store

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestLimits reaches the limits of users and rooms, and then tries to add one more. Adding an existing item again is
// allowed, and after a removal another one can be added.
func TestLimits(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		anna, bob := h.user("anna"), h.user("bob")
		room := h.room("tea", models.RoomPublic, bob)
		t.Run("rooms", func(t *testing.T) { (&testStore{h.Store, t}).limitsRooms(anna, bob, room) })
		t.Run("contacts and blocks", func(t *testing.T) { (&testStore{h.Store, t}).limitsLists(anna, bob) })
		t.Run("pins", func(t *testing.T) { (&testStore{h.Store, t}).limitsPins(bob, room) })
		t.Run("invites", func(t *testing.T) { (&testStore{h.Store, t}).limitsInvites(bob, room) })
		t.Run("sessions", func(t *testing.T) { (&testStore{h.Store, t}).limitsSessions() })
	})
}

// insert adds rows to a table, with values in which i counts from 1 to most.
func (h *testStore) insert(most int, table, columns, values string, args ...any) {
	h.t.Helper()
	h.must(h.writer.Exec(fmt.Sprintf("INSERT INTO %s (%s) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM "+
		"n WHERE i < %d) SELECT %s FROM n",
		table, columns, most, values), args...).Error)
}

const memberColumns = "room_id, user_id, role, joined_at, joined_position, last_read_id, own_after, muted"

func (h *testStore) limitsRooms(anna, bob models.User, room models.Room) {
	ctx, path, name := h.t.Context(), models.RoomPath{ID: room.ID}, "one more"
	h.insert(models.MaxRoomsPerUser, "rooms", "name, name_key, kind, owner_id, created_at, updated_at, active_at, "+
		"member_count",
		fmt.Sprintf("'x', 'x', 'private', %d, 0, 0, 0, 1", anna.ID))
	h.must(h.writer.Exec("INSERT INTO memberships ("+memberColumns+") SELECT id, owner_id, 'owner', 0, 0, 0, 0, false "+
		"FROM rooms WHERE owner_id = ?",
		anna.ID).Error)
	invite, err := h.CreateInvite(ctx, bob.ID, path, models.NewInvite{}, nil)
	h.must(err)
	for what, f := range map[string]func() error{
		"create": func() error { _, _, err := h.CreateRoom(ctx, anna.ID, models.NewRoom{Name: &name}, nil); return err },
		"join":   func() error { _, _, err := h.Join(ctx, anna.ID, path); return err },
		"redeem": func() error { _, _, err := h.RedeemInvite(ctx, anna.ID, invite.Code, nil); return err },
		"added": func() error {
			_, _, err := h.PutMember(ctx, bob.ID, path, models.UserPath{ID: anna.ID}, models.RoleChange{})
			return err
		},
		"direct": func() error { _, _, err := h.Direct(ctx, bob.ID, models.UserPath{ID: anna.ID}); return err },
	} {
		h.t.Log(what)
		h.want(f(), models.CodeForbidden)
	}
	var last int64
	h.must(h.writer.Raw("SELECT max(room_id) FROM memberships WHERE user_id = ?", anna.ID).Scan(&last).Error)
	_, err = h.DeleteRoom(ctx, anna.ID, models.RoomPath{ID: last}, models.Condition{})
	h.must(err)
	_, _, err = h.Join(ctx, anna.ID, path)
	h.must(err)
	h.purged()
}

func (h *testStore) limitsLists(anna, bob models.User) {
	const userColumns = "username, username_key, display_name, guest, created_at"
	h.insert(models.MaxContactsPerUser, "users", userColumns, "'u' || i, 'u' || i, 'u', false, 0")
	h.must(h.writer.Exec("INSERT INTO contacts (user_id, contact_id, added_at) SELECT ?, id, 0 FROM users WHERE "+
		"username_key LIKE 'u%'", anna.ID).Error)
	h.must(h.writer.Exec("INSERT INTO blocks (user_id, blocked_id, direct_key, added_at) SELECT ?, id, '', 0 FROM users "+
		"WHERE username_key LIKE 'u%'",
		anna.ID).Error)
	ctx, another, listed := h.t.Context(), models.UserPath{ID: bob.ID}, models.UserPath{Key: "u7"}
	for _, add := range []func(models.UserPath) error{
		func(u models.UserPath) error { _, err := h.Block(ctx, anna.ID, u); return err },
		func(u models.UserPath) error { _, _, err := h.AddContact(ctx, anna.ID, u); return err },
	} {
		h.want(add(another), models.CodeForbidden)
	}
	_, err := h.Block(ctx, anna.ID, listed)
	h.must(err)
	h.must(h.Unblock(ctx, anna.ID, listed))
	_, err = h.RemoveContact(ctx, anna.ID, listed)
	h.must(err)
	_, _, err = h.AddContact(ctx, anna.ID, another)
	h.must(err)
	_, err = h.Block(ctx, anna.ID, another)
	h.must(err)
}

func (h *testStore) limitsPins(bob models.User, room models.Room) {
	ctx, path := h.t.Context(), models.RoomPath{ID: room.ID}
	first, second := h.say(room.ID, bob, "one"), h.say(room.ID, bob, "two")
	h.insert(models.MaxPinsPerRoom-1, "pins", "room_id, message_id, pinned_by, pinned_at",
		fmt.Sprintf("%d, 1000 + i, 1, 0", room.ID))
	_, _, err := h.Pin(ctx, bob.ID, path, first)
	h.must(err)
	_, _, err = h.Pin(ctx, bob.ID, path, second)
	h.want(err, models.CodeForbidden)
	_, _, err = h.Pin(ctx, bob.ID, path, first)
	h.must(err)
	_, err = h.Unpin(ctx, bob.ID, path, first)
	h.must(err)
	_, _, err = h.Pin(ctx, bob.ID, path, second)
	h.must(err)
}

func (h *testStore) limitsInvites(bob models.User, room models.Room) {
	ctx, path := h.t.Context(), models.RoomPath{ID: room.ID}
	columns := "code, room_id, created_at, expires_at, max_uses, uses"
	h.insert(spentInvites, "invites", columns, fmt.Sprintf("'spent' || i, %d, i, 0, 1, 1", room.ID))
	have := int(h.rows("invites WHERE room_id = ? AND "+usableInvite, room.ID, models.Now().Millis(), room.OwnerID))
	// Invites whose author may not invite any more do not count either: nobody could see and revoke them.
	h.insert(batchRows, "invites", columns+", author_id", fmt.Sprintf("'lost' || i, %d, i, 0, 0, 0, 999999", room.ID))
	h.insert(models.MaxInvitesPerRoom-have-1, "invites", columns, fmt.Sprintf("'good' || i, %d, 0, 0, 0, 0", room.ID))
	last, err := h.CreateInvite(ctx, bob.ID, path, models.NewInvite{}, nil)
	h.must(err)
	_, err = h.CreateInvite(ctx, bob.ID, path, models.NewInvite{}, nil)
	h.want(err, models.CodeForbidden)
	h.must(h.RevokeInvite(ctx, bob.ID, path, last.Code))
	_, err = h.CreateInvite(ctx, bob.ID, path, models.NewInvite{}, nil)
	h.must(err)
	if n := h.rows("invites WHERE room_id = ?", room.ID); n > models.MaxInvitesPerRoom+spentInvites {
		h.t.Errorf("%d invites are kept", n)
	}
}

func (h *testStore) limitsSessions() {
	ctx := h.t.Context()
	carl := h.user("carl")
	before, _, err := h.Bounds(ctx)
	h.must(err)
	var newest models.Login
	for range models.MaxSessionsPerUser {
		newest, err = h.LogIn(ctx, carl.ID, "hash", models.NewSession{RefreshHash: rand.Text()}, nil)
		h.must(err)
	}
	if n := h.rows("sessions WHERE user_id = ? AND revoked_at = 0", carl.ID); n != models.MaxSessionsPerUser {
		h.t.Errorf("%d sessions are still valid", n)
	}
	h.must(h.CheckSession(ctx, models.Caller{UserID: carl.ID, SessionID: newest.SessionID}))
	entries, err := h.Entries(ctx, before, 1000)
	h.must(err)
	if n := count(entries, models.EventSessionRevoked); n != 1 {
		h.t.Errorf("%d sessions were reported as ended", n)
	}
}
