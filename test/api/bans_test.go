package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestBans(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "effects of a ban", Run: testBan},
		{Name: "a ban of a user who is not a member", Run: testBanOutsider},
		{Name: "a ban that expires", Run: testBanEnds},
		{Name: "allowed times of expiry", Run: testBanUntil},
		{Name: "the list of bans", Run: testBanList},
		{Name: "in a private room", Run: testBanPrivate},
	})
}

func testBan(t *testing.T, c *harness.Client) {
	owner, moderator, bad := c.NewGuest("ada"), c.NewGuest("mod"), c.NewGuest("bad")
	room := owner.CreatePublicRoom(moderator, bad)
	owner.AddMember(room.ID, moderator, models.RoleModerator)
	m := bad.SendText(room.ID, "buy this")
	streams := []*harness.Stream{owner.OpenStream(""), bad.OpenStream("")}

	var ban models.Ban
	a := moderator.Call("PUT", harness.BanPath(room.ID, bad), models.NewBan{Reason: harness.Ptr("Advertising")}).
		ExpectStatus(200).Decode(&ban)
	if ban.User.ID != bad.User.ID || ban.Reason != "Advertising" || !ban.Until.IsZero() ||
		ban.BannedBy != moderator.User.Ref() || ban.CreatedAt.IsZero() {
		t.Errorf("got %+v", ban)
	}
	for _, s := range streams {
		var data models.MemberEvent
		e := s.Expect(models.EventMemberBanned, &data)
		if e.ID != a.EventID() || data.User != bad.User.Ref() || data.Reason != "Advertising" || data.RoomID != room.ID ||
			!data.Until.IsZero() {
			t.Errorf("got the event %v for %v", e, a)
		}
	}
	mark := owner.SendText(owner.CreatePublicRoom(bad).ID, "there is no member.left before this")
	for _, s := range streams {
		for e := s.Next(); !strings.Contains(e.Data, mark.Text); e = s.Next() {
			if e.Name == string(models.EventMemberLeft) {
				t.Errorf("got the event %v as well", e)
			}
		}
	}

	path := harness.RoomPath(room.ID)
	for _, get := range []string{
		path, harness.HandlePath(room.Handle), path + "/members", path + "/messages", path + "/bans",
		harness.MessagePath(m),
	} {
		bad.Call("GET", get, nil).ExpectProblem(403, models.CodeBanned)
	}
	bad.Call("PUT", path+"/members/me", nil).ExpectProblem(403, models.CodeBanned)
	bad.Call("POST", path+"/messages", models.NewMessage{Text: "x"}).ExpectProblem(403, models.CodeBanned)
	bad.Call("PUT", path+"/read", models.ReadMark{MessageID: 1}).ExpectProblem(403, models.CodeBanned)
	bad.Call("DELETE", harness.MessagePath(m), nil).ExpectProblem(403, models.CodeBanned)
	owner.Call("PUT", harness.MemberPath(room.ID, bad), models.RoleChange{}).ExpectProblem(403, models.CodeBanned)
	if got := owner.GetRoom(room.ID); got.MemberCount != 2 {
		t.Errorf("got %+v", got)
	}

	for range 2 {
		moderator.Call("DELETE", harness.BanPath(room.ID, bad), nil).ExpectStatus(204).ExpectNoEvent()
	}
	if got := bad.GetRoom(room.ID); got.Membership != nil {
		t.Errorf("after the ban: got %+v", got)
	}
	bad.JoinRoom(room.ID)
	bad.Call("PUT", harness.BanPath(room.ID, bad), models.NewBan{}).ExpectProblem(403, models.CodeForbidden)
	owner.Call("PUT", harness.BanPath(room.ID, owner), models.NewBan{}).ExpectProblem(400, models.CodeInvalidRequest)
	owner.Call("PUT", path+"/bans/999999999", models.NewBan{}).ExpectProblem(404, models.CodeNotFound)
}

func testBanOutsider(t *testing.T, c *harness.Client) {
	owner, bad := c.NewGuest("ada"), c.NewGuest("bad")
	room := owner.CreatePublicRoom()
	s := bad.OpenStream("")
	a := owner.Call("PUT", harness.BanPath(room.ID, bad), models.NewBan{Reason: harness.Ptr("known")}).ExpectStatus(200)
	if e := s.Expect(models.EventMemberBanned, nil); e.ID != a.EventID() {
		t.Errorf("got the event %v for %v", e, a)
	}
	bad.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil).ExpectProblem(403, models.CodeBanned)
	if got := owner.GetRoom(room.ID); got.MemberCount != 1 {
		t.Errorf("got %+v", got)
	}
}

func testBanEnds(t *testing.T, c *harness.Client) {
	owner, bad := c.NewGuest("ada"), c.NewGuest("bad")
	room := owner.CreatePublicRoom(bad)
	until := models.At(time.Now().Add(1500 * time.Millisecond))
	s := owner.OpenStream("")
	var ban models.Ban
	owner.Call("PUT", harness.BanPath(room.ID, bad), models.NewBan{Until: until}).ExpectStatus(200).Decode(&ban)
	var data models.MemberEvent
	s.Expect(models.EventMemberBanned, &data)
	if ban.Until != until || data.Until != until {
		t.Errorf("got until = %v in the response and %v in the event, want %v", ban.Until, data.Until, until)
	}
	join := func() bool {
		sent := time.Now()
		a := bad.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil)
		if a.HTTP.StatusCode == 200 && sent.Before(until.Add(-time.Second)) {
			t.Errorf("the ban until %v had ended at %v", until, sent)
		}
		return a.HTTP.StatusCode == 200
	}
	if join() {
		t.Error("a banned user could join")
	}
	harness.Eventually(t, "the ban ends", join)
	if bans := harness.Get[models.Page[models.Ban]](owner, harness.RoomPath(room.ID)+"/bans").Items; len(bans) != 0 {
		t.Errorf("an expired ban is still listed: %+v", bans)
	}
}

func testBanUntil(_ *testing.T, c *harness.Client) {
	owner, bad := c.NewGuest("ada"), c.NewGuest("bad")
	room := owner.CreatePublicRoom(bad)
	for _, past := range []string{
		time.Now().Add(-time.Second).UTC().Format(time.RFC3339), "2020-02-29T12:00:00.000Z", "1970-01-01T00:00:00Z",
		"0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
	} {
		owner.Call("PUT", harness.BanPath(room.ID, bad), map[string]any{"until": past}).ExpectInvalid("until")
	}
	for _, none := range []any{"", "soon", "2099-02-30T00:00:00Z", "2099-01-01", 4_070_908_800, "99999-01-01T00:00:00Z"} {
		owner.CallInvalid("PUT", harness.BanPath(room.ID, bad), map[string]any{"until": none}).ExpectInvalid("until")
	}
	bad.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(200).ExpectNoEvent() // still a member
	owner.Call("PUT", harness.BanPath(room.ID, bad), map[string]any{"until": "9999-12-31T23:59:59.999+14:00"}).
		ExpectStatus(200)
	owner.CallInvalid("PUT", harness.BanPath(room.ID, bad), map[string]any{"reason": strings.Repeat("r", 501)}).
		ExpectInvalid("reason")
}

func testBanList(t *testing.T, c *harness.Client) {
	owner := c.NewGuest("ada")
	room := owner.CreatePublicRoom()
	var want []string
	var bad []*harness.Client
	for i := range 5 {
		harness.WaitAfter(models.Now())
		bad = append(bad, c.NewGuest(fmt.Sprint("bad", i)))
		owner.Call("PUT", harness.BanPath(room.ID, bad[i]), models.NewBan{Reason: harness.Ptr(fmt.Sprint("reason ", i))}).
			ExpectStatus(200)
		want = append(want, fmt.Sprint("reason ", i)) // in the order of the users' ids
	}
	list := func(limit int) (got []string) {
		path := fmt.Sprintf("%s/bans?limit=%d", harness.RoomPath(room.ID), limit)
		for _, b := range slices.Concat(harness.AllPages[models.Ban](owner, path)...) {
			got = append(got, b.Reason)
		}
		return got
	}
	for _, limit := range []int{1, 2, 5, 200} {
		if got := list(limit); !slices.Equal(got, want) {
			t.Errorf("in pages of %d: got %q, want %q", limit, got, want)
		}
	}
	// A second ban of the same user replaces the first one, in the list too.
	harness.WaitAfter(models.Now())
	owner.Call("PUT", harness.BanPath(room.ID, bad[2]), models.NewBan{Reason: harness.Ptr("worse")}).ExpectStatus(200)
	if got := list(200); len(got) != 5 || got[2] != "worse" {
		t.Errorf("got %q", got)
	}
}

// testBanPrivate checks that a banned user cannot even learn that a private room exists.
func testBanPrivate(_ *testing.T, c *harness.Client) {
	owner, bad := c.NewGuest("ada"), c.NewGuest("bad")
	room := owner.CreatePrivateRoom(bad)
	owner.Call("PUT", harness.BanPath(room.ID, bad), models.NewBan{}).ExpectStatus(200)
	bad.Call("GET", harness.RoomPath(room.ID), nil).ExpectProblem(404, models.CodeNotFound)
	bad.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil).ExpectProblem(404, models.CodeNotFound)
	owner.Call("PUT", harness.MemberPath(room.ID, bad), models.RoleChange{}).ExpectProblem(403, models.CodeBanned)
	owner.Call("DELETE", harness.BanPath(room.ID, bad), nil).ExpectStatus(204)
	owner.AddMember(room.ID, bad, models.RoleMember)
}
