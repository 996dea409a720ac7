package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

func TestBans(t *testing.T) {
	play(t, []scenario{
		{"what a ban does", testBan},
		{"a ban of somebody who is no member", testBanOutsider},
		{"a ban that ends", testBanEnds},
		{"when a ban may end", testBanUntil},
		{"the list of bans", testBanList},
		{"in a private room", testBanPrivate},
	})
}

func testBan(t *testing.T, c *client) {
	owner, moderator, bad := c.newcomer("ada"), c.newcomer("mod"), c.newcomer("bad")
	room := owner.publicRoom(moderator, bad)
	owner.add(room.ID, moderator, models.RoleModerator)
	m := bad.say(room.ID, "buy this")
	streams := []*stream{owner.open(""), bad.open("")}

	var ban models.Ban
	a := moderator.call("PUT", banPath(room.ID, bad), models.NewBan{Reason: ptr("Advertising")}).status(200).into(&ban)
	if ban.User.ID != bad.User.ID || ban.Reason != "Advertising" || !ban.Until.IsZero() || ban.BannedBy != moderator.User.Ref() || ban.CreatedAt.IsZero() {
		t.Errorf("got %+v", ban)
	}
	for _, s := range streams {
		var told models.MemberEvent
		e := s.expect(models.EventMemberBanned, &told)
		if e.id != a.eventID() || told.User != bad.User.Ref() || told.Reason != "Advertising" || told.RoomID != room.ID || !told.Until.IsZero() {
			t.Errorf("told %v for %v", e, a)
		}
	}
	mark := owner.say(owner.publicRoom(bad).ID, "no member.left came before this")
	for _, s := range streams {
		for e := s.next(); !strings.Contains(e.data, mark.Text); e = s.next() {
			if e.name == string(models.EventMemberLeft) {
				t.Errorf("told %v as well", e)
			}
		}
	}

	path := roomPath(room.ID)
	for _, get := range []string{path, named(room.Handle), path + "/members", path + "/messages", messagePath(m), path + "/bans"} {
		bad.call("GET", get, nil).problem(403, models.CodeBanned)
	}
	bad.call("PUT", path+"/members/me", nil).problem(403, models.CodeBanned)
	bad.call("POST", path+"/messages", models.NewMessage{Text: "x"}).problem(403, models.CodeBanned)
	bad.call("PUT", path+"/read", models.ReadMark{MessageID: 1}).problem(403, models.CodeBanned)
	bad.call("DELETE", messagePath(m), nil).problem(403, models.CodeBanned)
	owner.call("PUT", memberPath(room.ID, bad), models.RoleChange{}).problem(403, models.CodeBanned)
	if got := owner.look(room.ID); got.MemberCount != 2 {
		t.Errorf("got %+v", got)
	}

	for range 2 {
		moderator.call("DELETE", banPath(room.ID, bad), nil).status(204).quiet()
	}
	if got := bad.look(room.ID); got.Membership != nil {
		t.Errorf("after the ban: %+v", got)
	}
	bad.join(room.ID)
	bad.call("PUT", banPath(room.ID, bad), models.NewBan{}).problem(403, models.CodeForbidden)
	owner.call("PUT", banPath(room.ID, owner), models.NewBan{}).problem(400, models.CodeInvalidRequest)
	owner.call("PUT", path+"/bans/999999999", models.NewBan{}).problem(404, models.CodeNotFound)
}

func testBanOutsider(t *testing.T, c *client) {
	owner, bad := c.newcomer("ada"), c.newcomer("bad")
	room := owner.publicRoom()
	s := bad.open("")
	a := owner.call("PUT", banPath(room.ID, bad), models.NewBan{Reason: ptr("known")}).status(200)
	if e := s.expect(models.EventMemberBanned, nil); e.id != a.eventID() {
		t.Errorf("told %v for %v", e, a)
	}
	bad.call("PUT", roomPath(room.ID)+"/members/me", nil).problem(403, models.CodeBanned)
	if got := owner.look(room.ID); got.MemberCount != 1 {
		t.Errorf("got %+v", got)
	}
}

func testBanEnds(t *testing.T, c *client) {
	owner, bad := c.newcomer("ada"), c.newcomer("bad")
	room := owner.publicRoom(bad)
	until := models.At(time.Now().Add(1500 * time.Millisecond))
	s := owner.open("")
	var ban models.Ban
	owner.call("PUT", banPath(room.ID, bad), models.NewBan{Until: until}).status(200).into(&ban)
	var told models.MemberEvent
	s.expect(models.EventMemberBanned, &told)
	if ban.Until != until || told.Until != until {
		t.Errorf("until %v, answered %v, told %v", until, ban.Until, told.Until)
	}
	join := func() bool {
		asked := time.Now()
		a := bad.call("PUT", roomPath(room.ID)+"/members/me", nil)
		if a.response.StatusCode == 200 && asked.Before(until.Add(-time.Second)) {
			t.Errorf("the ban until %v was over at %v", until, asked)
		}
		return a.response.StatusCode == 200
	}
	if join() {
		t.Error("banned, and yet let in")
	}
	eventually(t, "the ban ends", join)
	if bans := get[models.Page[models.Ban]](owner, roomPath(room.ID)+"/bans").Items; len(bans) != 0 {
		t.Errorf("still listed: %+v", bans)
	}
}

func testBanUntil(_ *testing.T, c *client) {
	owner, bad := c.newcomer("ada"), c.newcomer("bad")
	room := owner.publicRoom(bad)
	for _, past := range []string{
		time.Now().Add(-time.Second).UTC().Format(time.RFC3339), "2020-02-29T12:00:00.000Z", "1970-01-01T00:00:00Z",
		"0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
	} {
		owner.call("PUT", banPath(room.ID, bad), map[string]any{"until": past}).invalid("until")
	}
	for _, none := range []any{"", "soon", "2099-02-30T00:00:00Z", "2099-01-01", 4_070_908_800, "99999-01-01T00:00:00Z"} {
		owner.wrong("PUT", banPath(room.ID, bad), map[string]any{"until": none}).invalid("until")
	}
	bad.call("PUT", roomPath(room.ID)+"/members/me", nil).status(200).quiet() // still a member
	owner.call("PUT", banPath(room.ID, bad), map[string]any{"until": "9999-12-31T23:59:59.999+14:00"}).status(200)
	owner.wrong("PUT", banPath(room.ID, bad), map[string]any{"reason": strings.Repeat("r", 501)}).invalid("reason")
}

func testBanList(t *testing.T, c *client) {
	owner := c.newcomer("ada")
	room := owner.publicRoom()
	var want []string
	var bad []*client
	for i := range 5 {
		laterThan(models.Now())
		bad = append(bad, c.newcomer(fmt.Sprint("bad", i)))
		owner.call("PUT", banPath(room.ID, bad[i]), models.NewBan{Reason: ptr(fmt.Sprint("reason ", i))}).status(200)
		want = append(want, fmt.Sprint("reason ", i)) // in the order of the users' ids
	}
	list := func(limit int) (got []string) {
		for _, b := range slices.Concat(walk[models.Ban](owner, fmt.Sprintf("%s/bans?limit=%d", roomPath(room.ID), limit))...) {
			got = append(got, b.Reason)
		}
		return got
	}
	for _, limit := range []int{1, 2, 5, 200} {
		if got := list(limit); !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %q, wanted %q", limit, got, want)
		}
	}
	// A second ban of the same user takes the first one's place, in the list too.
	laterThan(models.Now())
	owner.call("PUT", banPath(room.ID, bad[2]), models.NewBan{Reason: ptr("worse")}).status(200)
	if got := list(200); len(got) != 5 || got[2] != "worse" {
		t.Errorf("got %q", got)
	}
}

// testBanPrivate: a banned user does not even learn that a private room is there.
func testBanPrivate(_ *testing.T, c *client) {
	owner, bad := c.newcomer("ada"), c.newcomer("bad")
	room := owner.privateRoom(bad)
	owner.call("PUT", banPath(room.ID, bad), models.NewBan{}).status(200)
	bad.call("GET", roomPath(room.ID), nil).problem(404, models.CodeNotFound)
	bad.call("PUT", roomPath(room.ID)+"/members/me", nil).problem(404, models.CodeNotFound)
	owner.call("PUT", memberPath(room.ID, bad), models.RoleChange{}).problem(403, models.CodeBanned)
	owner.call("DELETE", banPath(room.ID, bad), nil).status(204)
	owner.add(room.ID, bad, models.RoleMember)
}
