package api

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestMembers(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "join and leave", Run: testJoinAndLeave},
		{Name: "a stranger in a public room", Run: testStranger},
		{Name: "permissions of each role", Run: testRoles},
		{Name: "add and remove", Run: testAddAndRemove},
		{Name: "the last owner leaves", Run: testLastOwnerLeaves},
		{Name: "several owners", Run: testSeveralOwners},
		{Name: "the last member leaves", Run: testLastMember},
		{Name: "the list of members", Run: testMemberList},
	})
}

func testJoinAndLeave(t *testing.T, c *harness.Client) {
	owner, me := c.NewGuest("ada"), c.NewGuest("grace")
	room := owner.CreatePublicRoom()
	owner.SendText(room.ID, "before")
	s, mine := owner.OpenStream(""), me.OpenStream("")

	var joined models.Room
	a := me.Call("PUT", harness.HandlePath(room.Handle)+"/members/me", nil).ExpectStatus(200).Decode(&joined)
	m := joined.Membership
	if joined.MemberCount != 2 || m == nil || m.Role != models.RoleMember || m.UnreadCount != 0 || m.LastReadID != 1 ||
		m.JoinedAt.IsZero() {
		t.Errorf("got %+v with %+v", joined, m)
	}
	for _, s := range []*harness.Stream{s, mine} {
		var data models.MemberEvent
		e := s.Expect(models.EventMemberJoined, &data)
		if e.ID != a.EventID() || data.RoomID != room.ID || data.User != me.User.Ref() || data.Role != models.RoleMember {
			t.Errorf("got the event %v for %v", e, a)
		}
	}
	me.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(200).ExpectNoEvent()
	owner.SendText(room.ID, "after")
	if got := me.GetRoom(room.ID).Membership; got.UnreadCount != 1 {
		t.Errorf("after one message: got %+v", got)
	}
	// this does not change the read mark
	me.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(200).ExpectNoEvent()
	if got := me.GetRoom(room.ID).Membership; got.UnreadCount != 1 {
		t.Errorf("after joining again: got %+v", got)
	}

	a = me.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
	mine.Expect(models.EventMessageNotification, nil)
	s.Expect(models.EventMessageCreated, nil)
	for _, s := range []*harness.Stream{s, mine} {
		if e := s.Expect(models.EventMemberLeft, nil); e.ID != a.EventID() {
			t.Errorf("got the event %v for %v", e, a)
		}
	}
	me.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204).ExpectNoEvent()
	if got := me.GetRoom(room.ID); got.Membership != nil || got.MemberCount != 1 {
		t.Errorf("after leaving: got %+v", got)
	}
	me.JoinRoom(room.ID) // earlier messages count as read
	if got := me.GetRoom(room.ID).Membership; got.UnreadCount != 0 || got.LastReadID != 2 {
		t.Errorf("after joining later: got %+v", got)
	}
}

// testStranger checks that a user who is not a member can read a public room, but not act in it.
func testStranger(t *testing.T, c *harness.Client) {
	owner, stranger := c.NewGuest("ada"), c.NewGuest("eve")
	room := owner.CreatePublicRoom()
	m := owner.SendText(room.ID, "open to all")
	path := harness.RoomPath(room.ID)
	if got := harness.Get[models.Page[models.Message]](stranger, path+"/messages").Items; len(got) != 1 ||
		got[0].Text != m.Text {
		t.Errorf("got the history %+v", got)
	}
	if got := harness.Get[models.Page[models.Member]](stranger, path+"/members").Items; len(got) != 1 {
		t.Errorf("got the members %+v", got)
	}
	harness.Get[models.Message](stranger, harness.MessagePath(m))
	streamID := stranger.OpenStream("").Ready.StreamID
	stranger.Call("PUT", path+"/presence/"+streamID, nil).ExpectProblem(403, models.CodeForbidden)
	stranger.Call("PUT", path+"/read", models.ReadMark{MessageID: 1}).ExpectProblem(403, models.CodeForbidden)
	stranger.Call("POST", path+"/messages", models.NewMessage{Text: "x"}).ExpectProblem(403, models.CodeForbidden)
	stranger.Call("POST", "/v1/messages",
		models.TargetedMessage{Target: "#" + room.Handle, NewMessage: models.NewMessage{Text: "x"}}).
		ExpectProblem(403, models.CodeForbidden)
	stranger.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "x"}).ExpectProblem(403, models.CodeForbidden)
	stranger.Call("DELETE", harness.MessagePath(m), nil).ExpectProblem(403, models.CodeForbidden)
}

// testRoles tries each action of moderation with each role, from the least to the most permissions.
func testRoles(t *testing.T, c *harness.Client) {
	type fixture struct {
		room                                           models.Room
		owner, moderator, member, target, other, guest *harness.Client
		message                                        models.Message
	}
	users := fixture{
		owner: c.NewGuest("own"), moderator: c.NewGuest("mod"), member: c.NewGuest("mem"),
		target: c.NewGuest("target"), other: c.NewGuest("other"), guest: c.NewGuest("out"),
	}
	newFixture := func() fixture {
		f := users
		f.room = f.owner.CreatePublicRoom(f.moderator, f.member, f.target)
		f.owner.AddMember(f.room.ID, f.moderator, models.RoleModerator)
		f.message = f.target.SendText(f.room.ID, "words")
		return f
	}
	const no = 403
	for _, action := range []struct {
		name                     string
		member, moderator, owner int
		do                       func(f fixture, by *harness.Client) *harness.Response
	}{
		{name: "change the room", member: no, moderator: 200, owner: 200,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("PATCH", harness.RoomPath(f.room.ID), models.RoomChange{Name: harness.Ptr("n")})
			}},
		{name: "add a member", member: no, moderator: 200, owner: 200,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("PUT", harness.MemberPath(f.room.ID, f.other), models.RoleChange{})
			}},
		{name: "make a moderator", member: no, moderator: 200, owner: 200,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("PUT", harness.MemberPath(f.room.ID, f.target), models.RoleChange{Role: models.RoleModerator})
			}},
		{name: "make an owner", member: no, moderator: no, owner: 200,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("PUT", harness.MemberPath(f.room.ID, f.target), models.RoleChange{Role: models.RoleOwner})
			}},
		{name: "add an owner", member: no, moderator: no, owner: 200,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("PUT", harness.MemberPath(f.room.ID, f.other), models.RoleChange{Role: models.RoleOwner})
			}},
		{name: "demote the only owner", member: no, moderator: no, owner: no,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("PUT", harness.MemberPath(f.room.ID, f.owner), models.RoleChange{Role: models.RoleMember})
			}},
		{name: "remove a member", member: no, moderator: 204, owner: 204,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("DELETE", harness.MemberPath(f.room.ID, f.target), nil)
			}},
		{name: "remove the owner", member: no, moderator: no, owner: 204,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("DELETE", harness.MemberPath(f.room.ID, f.owner), nil)
			}},
		{name: "ban a member", member: no, moderator: 200, owner: 200,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("PUT", harness.BanPath(f.room.ID, f.target), models.NewBan{})
			}},
		{name: "ban the owner", member: no, moderator: no, owner: 400,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("PUT", harness.BanPath(f.room.ID, f.owner), models.NewBan{})
			}},
		{name: "list the bans", member: no, moderator: 200, owner: 200,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("GET", harness.RoomPath(f.room.ID)+"/bans", nil)
			}},
		{name: "remove a ban", member: no, moderator: 204, owner: 204,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("DELETE", harness.BanPath(f.room.ID, f.target), nil)
			}},
		{name: "edit another's message", member: no, moderator: no, owner: no,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("PATCH", harness.MessagePath(f.message), models.MessageEdit{Text: "x"})
			}},
		{name: "delete another's message", member: no, moderator: 204, owner: 204,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("DELETE", harness.MessagePath(f.message), nil)
			}},
		{name: "clear the history", member: no, moderator: 204, owner: 204,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("DELETE", harness.RoomPath(f.room.ID)+"/messages", nil)
			}},
		{name: "delete the room", member: no, moderator: no, owner: 204,
			do: func(f fixture, by *harness.Client) *harness.Response {
				return by.Call("DELETE", harness.RoomPath(f.room.ID), nil)
			}},
	} {
		f := newFixture()
		for _, by := range []struct {
			role string
			user *harness.Client
			want int
		}{
			{"outsider", f.guest, no}, {"member", f.member, action.member},
			{"moderator", f.moderator, action.moderator}, {"owner", f.owner, action.owner},
		} {
			a := action.do(f, by.user)
			if a.HTTP.StatusCode != by.want {
				t.Errorf("%s as %s: got %v, want %d", action.name, by.role, a, by.want)
			}
			if a.HTTP.StatusCode < 300 {
				f = newFixture()
			}
		}
	}
}

func testAddAndRemove(t *testing.T, c *harness.Client) {
	owner, moderator, other := c.NewGuest("ada"), c.NewGuest("mod"), c.NewGuest("grace")
	room := owner.CreatePrivateRoom(moderator)
	owner.AddMember(room.ID, moderator, models.RoleModerator)
	s := other.OpenStream("")

	var member models.Member
	a := moderator.Call("PUT", harness.MemberPath(room.ID, other), models.RoleChange{}).ExpectStatus(200).Decode(&member)
	if member.User.ID != other.User.ID || member.Role != models.RoleMember || member.JoinedAt.IsZero() || member.Present ||
		!member.User.Online {
		t.Errorf("got %+v", member)
	}
	if e := s.Expect(models.EventMemberJoined, nil); e.ID != a.EventID() {
		t.Errorf("got the event %v for %v", e, a)
	}
	a = owner.Call("PUT", fmt.Sprintf("%s/members/@%s", harness.RoomPath(room.ID), other.User.Username),
		models.RoleChange{Role: models.RoleModerator}).ExpectStatus(200)
	var data models.MemberEvent
	if e := s.Expect(models.EventMemberUpdated, &data); e.ID != a.EventID() || data.Role != models.RoleModerator ||
		data.User != other.User.Ref() {
		t.Errorf("got the event %v for %v", e, a)
	}
	for _, same := range []models.RoleChange{{Role: models.RoleModerator}, {}} {
		owner.Call("PUT", harness.MemberPath(room.ID, other), same).ExpectStatus(200).ExpectNoEvent().Decode(&member)
		if member.Role != models.RoleModerator {
			t.Errorf("after %+v: got %+v", same, member)
		}
	}
	if got := other.GetRoom(room.ID); got.Membership.Role != models.RoleModerator || got.MemberCount != 3 {
		t.Errorf("got %+v", got)
	}
	moderator.Call("PUT", harness.MemberPath(room.ID, other), models.RoleChange{Role: models.RoleMember}).ExpectStatus(200)
	s.Expect(models.EventMemberUpdated, nil)

	a = moderator.Call("DELETE", harness.MemberPath(room.ID, other), nil).ExpectStatus(204)
	if e := s.Expect(models.EventMemberLeft, nil); e.ID != a.EventID() {
		t.Errorf("got the event %v for %v", e, a)
	}
	moderator.Call("DELETE", harness.MemberPath(room.ID, other), nil).ExpectStatus(204).ExpectNoEvent()
	other.Call("GET", harness.RoomPath(room.ID), nil).ExpectProblem(404, models.CodeNotFound)
	owner.Call("PUT", harness.RoomPath(room.ID)+"/members/999999999", models.RoleChange{}).
		ExpectProblem(404, models.CodeNotFound)
	owner.Call("DELETE", harness.RoomPath(room.ID)+"/members/@"+harness.UniqueName("nobody"), nil).ExpectStatus(204)
	owner.CallInvalid("PUT", harness.MemberPath(room.ID, other), map[string]any{"role": "king"}).ExpectInvalid("role")

	// A user who removes themself leaves, in every role.
	owner.AddMember(room.ID, other, models.RoleMember)
	other.Call("DELETE", fmt.Sprintf("%s/members/@%s", harness.RoomPath(room.ID), other.User.Username), nil).
		ExpectStatus(204)
	other.Call("POST", invitePath(invite(owner, room.ID, models.NewInvite{})), nil).ExpectStatus(200)
	other.Call("DELETE", harness.MemberPath(room.ID, other), nil).ExpectStatus(204)
	if got := owner.GetRoom(room.ID); got.MemberCount != 2 {
		t.Errorf("got %+v", got)
	}
}

// testLastOwnerLeaves checks that the moderator who joined first becomes the owner or, without moderators, the
// member who joined first.
func testLastOwnerLeaves(t *testing.T, c *harness.Client) {
	owner, older, moderator, younger := c.NewGuest("ada"), c.NewGuest("older"), c.NewGuest("mod"), c.NewGuest("younger")
	room := owner.CreatePublicRoom()
	for _, m := range []*harness.Client{older, moderator, younger} {
		harness.WaitAfter(models.Now()) // so that the times of joining differ
		m.JoinRoom(room.ID)
	}
	owner.AddMember(room.ID, younger, models.RoleModerator)
	owner.AddMember(room.ID, moderator, models.RoleModerator)
	s := older.OpenStream("")

	a := owner.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
	var newOwner models.MemberEvent
	if e := s.Expect(models.EventMemberUpdated, &newOwner); newOwner.User != moderator.User.Ref() ||
		newOwner.Role != models.RoleOwner {
		t.Errorf("got the event %v", e)
	}
	if e := s.Expect(models.EventMemberLeft, nil); e.ID != a.EventID() {
		t.Errorf("got the event %v for %v", e, a)
	}
	if got := moderator.GetRoom(room.ID); got.OwnerID != moderator.User.ID || got.Membership.Role != models.RoleOwner {
		t.Errorf("got %+v", got)
	}
	owner.JoinRoom(room.ID)
	if got := owner.GetRoom(room.ID); got.Membership.Role != models.RoleMember {
		t.Errorf("the former owner joined again with %+v", got.Membership)
	}
	for _, next := range []struct{ leaves, inherits *harness.Client }{
		{moderator, younger}, {younger, older}, {older, owner},
	} {
		next.leaves.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
		if got := next.inherits.GetRoom(room.ID); got.OwnerID != next.inherits.User.ID ||
			got.Membership.Role != models.RoleOwner {
			t.Errorf("after %s has left: got %+v", next.leaves.User.Username, got)
		}
	}
}

func testSeveralOwners(t *testing.T, c *harness.Client) {
	first, second, third := c.NewGuest("ada"), c.NewGuest("bob"), c.NewGuest("cyd")
	room := first.CreatePublicRoom(second, third)
	first.AddMember(room.ID, second, models.RoleOwner)
	if got := second.GetRoom(room.ID); got.OwnerID != first.User.ID || got.Membership.Role != models.RoleOwner {
		t.Errorf("with two owners: got %+v", got)
	}
	second.AddMember(room.ID, first, models.RoleModerator) // an owner may demote an owner
	if got := first.GetRoom(room.ID); got.OwnerID != second.User.ID || got.Membership.Role != models.RoleModerator {
		t.Errorf("after the demotion: got %+v", got)
	}
	second.AddMember(room.ID, third, models.RoleOwner)
	third.Call("PUT", harness.BanPath(room.ID, second), models.NewBan{}).ExpectStatus(200)
	if got := third.GetRoom(room.ID); got.OwnerID != third.User.ID || got.MemberCount != 2 {
		t.Errorf("after the ban: got %+v", got)
	}
	third.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
}

func testLastMember(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	private, public := me.CreatePrivateRoom(), me.CreatePublicRoom()
	me.SendText(private.ID, "to myself")
	s := me.OpenStream("")
	for _, room := range []models.Room{private, public} {
		a := me.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
		if e := s.Expect(models.EventMemberLeft, nil); e.ID != a.EventID() {
			t.Errorf("got the event %v for %v", e, a)
		}
	}
	me.Call("GET", harness.RoomPath(private.ID), nil).ExpectProblem(404, models.CodeNotFound)
	me.Call("GET", harness.RoomPath(private.ID)+"/messages", nil).ExpectProblem(404, models.CodeNotFound)
	if got := me.GetRoom(public.ID); got.MemberCount != 0 || got.OwnerID != 0 {
		t.Errorf("got the empty public room %+v", got)
	}
	other.JoinRoom(public.ID)
	if got := other.GetRoom(public.ID); got.MemberCount != 1 || got.Membership.Role != models.RoleOwner ||
		got.OwnerID != other.User.ID {
		t.Errorf("the first user who joined the empty room got %+v", got)
	}
}

func testMemberList(t *testing.T, c *harness.Client) {
	owner := c.NewGuest("ada")
	room := owner.CreatePublicRoom()
	want := []int64{owner.User.ID}
	var members []*harness.Client
	for i := range 6 {
		harness.WaitAfter(models.Now())
		m := c.NewGuest(fmt.Sprint("member", i))
		m.JoinRoom(room.ID)
		members, want = append(members, m), append(want, m.User.ID)
	}
	members[1].OpenStream("")
	members[2].OpenStream(fmt.Sprintf("room=%d", room.ID))
	members[4].OpenStream(fmt.Sprintf("room=%d", room.ID))

	present := map[int64]bool{want[3]: true, want[5]: true}
	for _, limit := range []int{1, 3, 7, 200} {
		var got []int64
		path := fmt.Sprintf("%s/members?limit=%d", harness.RoomPath(room.ID), limit)
		for _, m := range slices.Concat(harness.AllPages[models.Member](owner, path)...) {
			got = append(got, m.User.ID)
			if m.Present != present[m.User.ID] || m.User.Online != (m.Present || m.User.ID == want[2]) {
				t.Errorf("got %+v", m)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: got %v, want %v", limit, got, want)
		}
	}
	for query, wanted := range map[string][]int64{"present=true": {want[3], want[5]}, "present=false": want} {
		var got []int64
		path := fmt.Sprintf("%s/members?limit=2&%s", harness.RoomPath(room.ID), query)
		for _, m := range slices.Concat(harness.AllPages[models.Member](owner, path)...) {
			got = append(got, m.User.ID)
		}
		if !slices.Equal(got, wanted) {
			t.Errorf("%s: got %v, want %v", query, got, wanted)
		}
	}
	empty := harness.RoomPath(owner.CreatePublicRoom().ID)
	if got := harness.Get[models.Page[models.Member]](owner, empty+"/members?present=true").Items; len(got) != 0 {
		t.Errorf("got the present members %+v of an empty room", got)
	}
}
