package api

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// endsCaller are the deletions after which the caller's token is no longer valid: repeated, they are 401.
var endsCaller = map[string]models.Code{
	"DeleteMe": models.CodeSessionRevoked,
	"LogOut":   models.CodeSessionRevoked, // of the calling session; testManySessions ends others
}

// TestEveryDeletionCanBeRepeated sends each DELETE of the contract three times: the first one deletes what is there,
// and all are 204. Who lost the response does not need to know which one it was.
func TestEveryDeletionCanBeRepeated(t *testing.T) {
	p := harness.NewOIDCProvider(t)
	isDeletion := func(op harness.Operation) bool { return op.Method == "DELETE" }
	eachOperation(t, isDeletion, func(t *testing.T, c *harness.Client, op harness.Operation) {
		s := newRequestFixture(c)
		me := s.me
		if op.OperationID == "DeleteIdentity" {
			me = c.NewAccount("me")
			s.identity = p.LinkIdentity(me)
		}
		path := s.path(op)
		s.addWhatIsDeleted(op)
		me.Call("DELETE", path, nil, s.headers(op)...).ExpectStatus(204)
		for range 2 {
			again := me.Call("DELETE", path, nil, s.headers(op)...)
			if code, ends := endsCaller[op.OperationID]; ends {
				again.ExpectProblem(401, code)
				continue
			}
			again.ExpectStatus(204)
			if again.EventID() != "" {
				t.Errorf("%v\nhas the event %s, though it changed nothing", again, again.EventID())
			}
		}
	}, "--oidc", p.Flag("mock"))
}

// addWhatIsDeleted creates what a fixture does not have by itself.
func (s requestFixture) addWhatIsDeleted(op harness.Operation) {
	for id, put := range map[string]string{
		"RemoveContact": harness.ContactPath(s.other), "UnblockUser": harness.BlockPath(s.other),
		"ExitRoom": harness.PresencePath(s.room.ID, s.stream), "RemoveReaction": reactionPath(s.message, "👍"),
		"UnpinMessage": pinPath(s.message),
	} {
		if op.OperationID == id {
			s.me.Call("PUT", put, nil)
		}
	}
	if op.OperationID == "UnbanUser" {
		s.me.Call("PUT", harness.BanPath(s.room.ID, s.other), models.NewBan{}).ExpectStatus(200)
	}
}

// TestLeavingCanBeRepeated leaves a private room twice, and once more after being removed from it: only those who were
// there get another response than outsiders, and only by the room's id. Its handle may be that of another room by then.
func TestLeavingCanBeRepeated(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "leaving", Run: func(_ *testing.T, c *harness.Client) {
		owner, leaver, removed, outsider := c.NewGuest("owner"), c.NewGuest("l"), c.NewGuest("r"), c.NewGuest("o")
		room := owner.CreatePrivateRoom(leaver, removed)
		handle := harness.UniqueName("attic")
		owner.Call("PATCH", harness.RoomPath(room.ID), map[string]any{"handle": handle}).ExpectStatus(200)
		path := harness.RoomPath(room.ID) + "/members/me"
		leaver.Call("DELETE", path, nil).ExpectStatus(204)
		owner.Call("DELETE", harness.MemberPath(room.ID, removed), nil).ExpectStatus(204)
		for _, former := range []*harness.Client{leaver, removed} {
			former.Call("DELETE", path, nil).ExpectStatus(204)
			former.Call("DELETE", "/v1/rooms/%23"+handle+"/members/me", nil).ExpectProblem(404, models.CodeNotFound)
			former.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectProblem(404, models.CodeNotFound)
		}
		outsider.Call("DELETE", path, nil).ExpectProblem(404, models.CodeNotFound)
		owner.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
		owner.Call("DELETE", path, nil).ExpectStatus(204)
		for _, other := range []*harness.Client{leaver, removed, outsider} { // who do not learn that it is gone
			other.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectProblem(404, models.CodeNotFound)
		}
	}}})
}

// TestDeletionsOfWhatCannotExist names things in a form that none has: that is a mistake of the client, and nothing
// that was deleted before.
func TestDeletionsOfWhatCannotExist(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "forms", Run: func(_ *testing.T, c *harness.Client) {
		owner := c.NewGuest("owner")
		message := owner.SendText(owner.CreatePrivateRoom().ID, "words")
		room := harness.RoomPath(message.RoomID)
		for _, path := range []string{
			reactionPath(message, "a"), room + "/pins/x", room + "/invites/nope", room + "/members/@", "/v1/blocks/@",
		} {
			owner.CallInvalid("DELETE", path, nil).ExpectProblem(404, models.CodeNotFound)
		}
	}}})
}
