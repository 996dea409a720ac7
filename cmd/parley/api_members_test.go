package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestMembers(t *testing.T) {
	play(t, []scenario{
		{"join and leave", testJoinAndLeave},
		{"a stranger in a public room", testStranger},
		{"who may do what", testRoles},
		{"add and remove", testAddAndRemove},
		{"the last owner leaves", testHandOver},
		{"several owners", testOwners},
		{"the last member leaves", testLastMember},
		{"the list of members", testMemberList},
	})
}

func testJoinAndLeave(t *testing.T, c *client) {
	owner, me := c.newcomer("ada"), c.newcomer("grace")
	room := owner.publicRoom()
	owner.say(room.ID, "before")
	s, mine := owner.open(""), me.open("")

	var joined models.Room
	a := me.call("PUT", named(room.Handle)+"/members/me", nil).status(200).into(&joined)
	m := joined.Membership
	if joined.MemberCount != 2 || m == nil || m.Role != models.RoleMember || m.UnreadCount != 0 || m.LastReadID != 1 || m.JoinedAt.IsZero() {
		t.Errorf("got %+v with %+v", joined, m)
	}
	for _, s := range []*stream{s, mine} {
		var told models.MemberEvent
		e := s.expect(models.EventMemberJoined, &told)
		if e.id != a.eventID() || told.RoomID != room.ID || told.User != me.User.Ref() || told.Role != models.RoleMember {
			t.Errorf("told %v for %v", e, a)
		}
	}
	me.call("PUT", roomPath(room.ID)+"/members/me", nil).status(200).quiet()
	owner.say(room.ID, "after")
	if got := me.look(room.ID).Membership; got.UnreadCount != 1 {
		t.Errorf("after one message: %+v", got)
	}
	me.call("PUT", roomPath(room.ID)+"/members/me", nil).status(200).quiet() // reads nothing
	if got := me.look(room.ID).Membership; got.UnreadCount != 1 {
		t.Errorf("joining again made it %+v", got)
	}

	a = me.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
	mine.expect(models.EventMessageNotification, nil)
	s.expect(models.EventMessageCreated, nil)
	for _, s := range []*stream{s, mine} {
		if e := s.expect(models.EventMemberLeft, nil); e.id != a.eventID() {
			t.Errorf("told %v for %v", e, a)
		}
	}
	me.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204).quiet()
	if got := me.look(room.ID); got.Membership != nil || got.MemberCount != 1 {
		t.Errorf("after leaving: %+v", got)
	}
	me.join(room.ID) // and what was unread is so no longer
	if got := me.look(room.ID).Membership; got.UnreadCount != 0 || got.LastReadID != 2 {
		t.Errorf("after coming back: %+v", got)
	}
}

// testStranger: who is no member reads a public room, and does nothing in it.
func testStranger(t *testing.T, c *client) {
	owner, stranger := c.newcomer("ada"), c.newcomer("eve")
	room := owner.publicRoom()
	m := owner.say(room.ID, "open to all")
	path := roomPath(room.ID)
	if got := get[models.Page[models.Message]](stranger, path+"/messages").Items; len(got) != 1 || got[0].Text != m.Text {
		t.Errorf("the history is %+v", got)
	}
	if got := get[models.Page[models.Member]](stranger, path+"/members").Items; len(got) != 1 {
		t.Errorf("the members are %+v", got)
	}
	get[models.Message](stranger, messagePath(m))
	streamID := stranger.open("").ready.StreamID
	stranger.call("PUT", path+"/presence/"+streamID, nil).problem(403, models.CodeForbidden)
	stranger.call("PUT", path+"/read", models.ReadMark{MessageID: 1}).problem(403, models.CodeForbidden)
	stranger.call("POST", path+"/messages", models.NewMessage{Text: "x"}).problem(403, models.CodeForbidden)
	stranger.call("POST", "/v1/messages", models.TargetedMessage{Target: "#" + room.Handle, NewMessage: models.NewMessage{Text: "x"}}).
		problem(403, models.CodeForbidden)
	stranger.call("PATCH", messagePath(m), models.MessageEdit{Text: "x"}).problem(403, models.CodeForbidden)
	stranger.call("DELETE", messagePath(m), nil).problem(403, models.CodeForbidden)
}

// testRoles tries each act of moderation as each role, in the order of what they may, in rooms of the same cast.
func testRoles(t *testing.T, c *client) {
	type cast struct {
		room                                           models.Room
		owner, moderator, member, target, other, guest *client
		message                                        models.Message
	}
	people := cast{
		owner: c.newcomer("own"), moderator: c.newcomer("mod"), member: c.newcomer("mem"),
		target: c.newcomer("target"), other: c.newcomer("other"), guest: c.newcomer("out"),
	}
	set := func() cast {
		k := people
		k.room = k.owner.publicRoom(k.moderator, k.member, k.target)
		k.owner.add(k.room.ID, k.moderator, models.RoleModerator)
		k.message = k.target.say(k.room.ID, "words")
		return k
	}
	const no = 403
	for _, act := range []struct {
		name                     string
		member, moderator, owner int
		do                       func(k cast, by *client) *answer
	}{
		{name: "change the room", member: no, moderator: 200, owner: 200, do: func(k cast, by *client) *answer {
			return by.call("PATCH", roomPath(k.room.ID), models.RoomChange{Name: ptr("n")})
		}},
		{name: "add a member", member: no, moderator: 200, owner: 200, do: func(k cast, by *client) *answer {
			return by.call("PUT", memberPath(k.room.ID, k.other), models.RoleChange{})
		}},
		{name: "make a moderator", member: no, moderator: 200, owner: 200, do: func(k cast, by *client) *answer {
			return by.call("PUT", memberPath(k.room.ID, k.target), models.RoleChange{Role: models.RoleModerator})
		}},
		{name: "make an owner", member: no, moderator: no, owner: 200, do: func(k cast, by *client) *answer {
			return by.call("PUT", memberPath(k.room.ID, k.target), models.RoleChange{Role: models.RoleOwner})
		}},
		{name: "add an owner", member: no, moderator: no, owner: 200, do: func(k cast, by *client) *answer {
			return by.call("PUT", memberPath(k.room.ID, k.other), models.RoleChange{Role: models.RoleOwner})
		}},
		{name: "demote the only owner", member: no, moderator: no, owner: no, do: func(k cast, by *client) *answer {
			return by.call("PUT", memberPath(k.room.ID, k.owner), models.RoleChange{Role: models.RoleMember})
		}},
		{name: "remove a member", member: no, moderator: 204, owner: 204, do: func(k cast, by *client) *answer {
			return by.call("DELETE", memberPath(k.room.ID, k.target), nil)
		}},
		{name: "remove the owner", member: no, moderator: no, owner: 204, do: func(k cast, by *client) *answer {
			return by.call("DELETE", memberPath(k.room.ID, k.owner), nil)
		}},
		{name: "ban a member", member: no, moderator: 200, owner: 200, do: func(k cast, by *client) *answer {
			return by.call("PUT", banPath(k.room.ID, k.target), models.NewBan{})
		}},
		{name: "ban the owner", member: no, moderator: no, owner: 400, do: func(k cast, by *client) *answer {
			return by.call("PUT", banPath(k.room.ID, k.owner), models.NewBan{})
		}},
		{name: "list the bans", member: no, moderator: 200, owner: 200, do: func(k cast, by *client) *answer {
			return by.call("GET", roomPath(k.room.ID)+"/bans", nil)
		}},
		{name: "lift a ban", member: no, moderator: 204, owner: 204, do: func(k cast, by *client) *answer {
			return by.call("DELETE", banPath(k.room.ID, k.target), nil)
		}},
		{name: "edit another's message", member: no, moderator: no, owner: no, do: func(k cast, by *client) *answer {
			return by.call("PATCH", messagePath(k.message), models.MessageEdit{Text: "x"})
		}},
		{name: "delete another's message", member: no, moderator: 204, owner: 204, do: func(k cast, by *client) *answer {
			return by.call("DELETE", messagePath(k.message), nil)
		}},
		{name: "clear the history", member: no, moderator: 204, owner: 204, do: func(k cast, by *client) *answer {
			return by.call("DELETE", roomPath(k.room.ID)+"/messages", nil)
		}},
		{name: "delete the room", member: no, moderator: no, owner: 204, do: func(k cast, by *client) *answer {
			return by.call("DELETE", roomPath(k.room.ID), nil)
		}},
	} {
		k := set()
		for _, by := range []struct {
			role string
			who  *client
			want int
		}{{"outsider", k.guest, no}, {"member", k.member, act.member}, {"moderator", k.moderator, act.moderator}, {"owner", k.owner, act.owner}} {
			a := act.do(k, by.who)
			if a.response.StatusCode != by.want {
				t.Errorf("%s as %s: %v", act.name, by.role, a)
			}
			if a.response.StatusCode < 300 {
				k = set()
			}
		}
	}
}

func testAddAndRemove(t *testing.T, c *client) {
	owner, moderator, other := c.newcomer("ada"), c.newcomer("mod"), c.newcomer("grace")
	room := owner.privateRoom(moderator)
	owner.add(room.ID, moderator, models.RoleModerator)
	s := other.open("")

	var member models.Member
	a := moderator.call("PUT", memberPath(room.ID, other), models.RoleChange{}).status(200).into(&member)
	if member.User.ID != other.User.ID || member.Role != models.RoleMember || member.JoinedAt.IsZero() || member.Present || !member.User.Online {
		t.Errorf("got %+v", member)
	}
	if e := s.expect(models.EventMemberJoined, nil); e.id != a.eventID() {
		t.Errorf("told %v for %v", e, a)
	}
	a = owner.call("PUT", fmt.Sprintf("%s/members/@%s", roomPath(room.ID), other.User.Username), models.RoleChange{Role: models.RoleModerator}).status(200)
	var told models.MemberEvent
	if e := s.expect(models.EventMemberUpdated, &told); e.id != a.eventID() || told.Role != models.RoleModerator || told.User != other.User.Ref() {
		t.Errorf("told %v for %v", e, a)
	}
	for _, same := range []models.RoleChange{{Role: models.RoleModerator}, {}} {
		owner.call("PUT", memberPath(room.ID, other), same).status(200).quiet().into(&member)
		if member.Role != models.RoleModerator {
			t.Errorf("after %+v: %+v", same, member)
		}
	}
	if got := other.look(room.ID); got.Membership.Role != models.RoleModerator || got.MemberCount != 3 {
		t.Errorf("got %+v", got)
	}
	moderator.call("PUT", memberPath(room.ID, other), models.RoleChange{Role: models.RoleMember}).status(200)
	s.expect(models.EventMemberUpdated, nil)

	a = moderator.call("DELETE", memberPath(room.ID, other), nil).status(204)
	if e := s.expect(models.EventMemberLeft, nil); e.id != a.eventID() {
		t.Errorf("told %v for %v", e, a)
	}
	moderator.call("DELETE", memberPath(room.ID, other), nil).status(204).quiet()
	other.call("GET", roomPath(room.ID), nil).problem(404, models.CodeNotFound)
	owner.call("PUT", roomPath(room.ID)+"/members/999999999", models.RoleChange{}).problem(404, models.CodeNotFound)
	owner.call("DELETE", roomPath(room.ID)+"/members/@"+unique("nobody"), nil).problem(404, models.CodeNotFound)
	owner.wrong("PUT", memberPath(room.ID, other), map[string]any{"role": "king"}).invalid("role")

	// Under one's own name, removing is leaving, for every role.
	owner.add(room.ID, other, models.RoleMember)
	other.call("DELETE", fmt.Sprintf("%s/members/@%s", roomPath(room.ID), other.User.Username), nil).status(204)
	other.call("POST", invitePath(owner.invite(room.ID, models.NewInvite{})), nil).status(200)
	other.call("DELETE", memberPath(room.ID, other), nil).status(204)
	if got := owner.look(room.ID); got.MemberCount != 2 {
		t.Errorf("got %+v", got)
	}
}

// testHandOver: the room goes to the longest-standing moderator, or, where there is none, member.
func testHandOver(t *testing.T, c *client) {
	owner, older, moderator, younger := c.newcomer("ada"), c.newcomer("older"), c.newcomer("mod"), c.newcomer("younger")
	room := owner.publicRoom()
	for _, m := range []*client{older, moderator, younger} {
		laterThan(models.Now()) // so that it is plain who has been here longest
		m.join(room.ID)
	}
	owner.add(room.ID, younger, models.RoleModerator)
	owner.add(room.ID, moderator, models.RoleModerator)
	s := older.open("")

	a := owner.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
	var heir models.MemberEvent
	if e := s.expect(models.EventMemberUpdated, &heir); heir.User != moderator.User.Ref() || heir.Role != models.RoleOwner {
		t.Errorf("told %v", e)
	}
	if e := s.expect(models.EventMemberLeft, nil); e.id != a.eventID() {
		t.Errorf("told %v for %v", e, a)
	}
	if got := moderator.look(room.ID); got.OwnerID != moderator.User.ID || got.Membership.Role != models.RoleOwner {
		t.Errorf("got %+v", got)
	}
	owner.join(room.ID)
	if got := owner.look(room.ID); got.Membership.Role != models.RoleMember {
		t.Errorf("who comes back is %+v", got.Membership)
	}
	for _, next := range []struct{ leaves, inherits *client }{{moderator, younger}, {younger, older}, {older, owner}} {
		next.leaves.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
		if got := next.inherits.look(room.ID); got.OwnerID != next.inherits.User.ID || got.Membership.Role != models.RoleOwner {
			t.Errorf("after %s: %+v", next.leaves.User.Username, got)
		}
	}
}

func testOwners(t *testing.T, c *client) {
	first, second, third := c.newcomer("ada"), c.newcomer("bob"), c.newcomer("cyd")
	room := first.publicRoom(second, third)
	first.add(room.ID, second, models.RoleOwner)
	if got := second.look(room.ID); got.OwnerID != first.User.ID || got.Membership.Role != models.RoleOwner {
		t.Errorf("of two owners: %+v", got)
	}
	second.add(room.ID, first, models.RoleModerator) // an owner may demote an owner
	if got := first.look(room.ID); got.OwnerID != second.User.ID || got.Membership.Role != models.RoleModerator {
		t.Errorf("after the demotion: %+v", got)
	}
	second.add(room.ID, third, models.RoleOwner)
	third.call("PUT", banPath(room.ID, second), models.NewBan{}).status(200)
	if got := third.look(room.ID); got.OwnerID != third.User.ID || got.MemberCount != 2 {
		t.Errorf("after the ban: %+v", got)
	}
	third.call("DELETE", roomPath(room.ID), nil).status(204)
}

func testLastMember(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	private, public := me.privateRoom(), me.publicRoom()
	me.say(private.ID, "to myself")
	s := me.open("")
	for _, room := range []models.Room{private, public} {
		a := me.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
		if e := s.expect(models.EventMemberLeft, nil); e.id != a.eventID() {
			t.Errorf("told %v for %v", e, a)
		}
	}
	me.call("GET", roomPath(private.ID), nil).problem(404, models.CodeNotFound)
	me.call("GET", roomPath(private.ID)+"/messages", nil).problem(404, models.CodeNotFound)
	if got := me.look(public.ID); got.MemberCount != 0 || got.OwnerID != 0 {
		t.Errorf("an empty public room is %+v", got)
	}
	other.join(public.ID)
	if got := other.look(public.ID); got.MemberCount != 1 || got.Membership.Role != models.RoleOwner || got.OwnerID != other.User.ID {
		t.Errorf("the first to come back finds %+v", got)
	}
}

func testMemberList(t *testing.T, c *client) {
	owner := c.newcomer("ada")
	room := owner.publicRoom()
	want := []int64{owner.User.ID}
	var members []*client
	for i := range 6 {
		laterThan(models.Now())
		m := c.newcomer(fmt.Sprint("member", i))
		m.join(room.ID)
		members, want = append(members, m), append(want, m.User.ID)
	}
	members[1].open("")
	members[2].open(fmt.Sprintf("room=%d", room.ID))
	members[4].open(fmt.Sprintf("room=%d", room.ID))

	present := map[int64]bool{want[3]: true, want[5]: true}
	for _, limit := range []int{1, 3, 7, 200} {
		var got []int64
		for _, m := range slices.Concat(walk[models.Member](owner, fmt.Sprintf("%s/members?limit=%d", roomPath(room.ID), limit))...) {
			got = append(got, m.User.ID)
			if m.Present != present[m.User.ID] || m.User.Online != (m.Present || m.User.ID == want[2]) {
				t.Errorf("got %+v", m)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v, wanted %v", limit, got, want)
		}
	}
	for query, wanted := range map[string][]int64{"present=true": {want[3], want[5]}, "present=false": want} {
		var got []int64
		for _, m := range slices.Concat(walk[models.Member](owner, fmt.Sprintf("%s/members?limit=2&%s", roomPath(room.ID), query))...) {
			got = append(got, m.User.ID)
		}
		if !slices.Equal(got, wanted) {
			t.Errorf("%s: %v, wanted %v", query, got, wanted)
		}
	}
	if got := get[models.Page[models.Member]](owner, roomPath(owner.publicRoom().ID)+"/members?present=true").Items; len(got) != 0 {
		t.Errorf("in an empty room are %+v", got)
	}
}
