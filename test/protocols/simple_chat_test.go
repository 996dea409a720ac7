package protocols

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestSimpleChat plays simple-chat: channels that all users see, and messages to a channel or to a user.
func TestSimpleChat(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p := simpleChat{t: t}
		social := harness.NewOIDCProvider(t)
		p.authentication(harness.NewClient(t, harness.StartServer(t, database, "--oidc", social.Flag("mock")).URL), social)
		p.create()
		p.join()
		p.message()
		p.private()
		p.leave()
		p.destroy()
		expectNoFurtherEvent(t, p.anna, p.anna, p.bert, p.cora, p.eve)
	})
}

// simpleChat has the participants: anna, who creates the channel, bert and cora, who join it, and eve, who does not.
type simpleChat struct {
	t                     *testing.T
	anna, bert, cora, eve *harness.Participant
	main                  models.Room
}

// invalidNames are names with characters that are not allowed. The last one has a Cyrillic letter among Latin ones.
var invalidNames = []string{"#main", "@main", "ma in", "ma/in", "main!", "m\u0430in"}

func (p *simpleChat) authentication(c *harness.Client, social *harness.OIDCProvider) {
	p.eve = c.SignUp("eve", harness.Password).Participate()
	// authentication via a social network, with all steps of the browser
	b, anna := c.NewBrowser(), c.WithToken("")
	page := social.LogInToPage(b, "/v1/auth/mock", harness.OIDCUser{Subject: "1", Username: "anna", Name: "Anna"})
	anna.ExpectSession(b.RedeemLoginCode(page), 201, models.User{Username: "anna", DisplayName: "Anna"})
	p.anna = p.eve.AddContactAndParticipate(anna)
	p.bert = p.eve.AddContactAndParticipate(c.SignUp("bert", harness.Password))
	p.cora = p.eve.AddContactAndParticipate(c.SignUp("cora", harness.Password))
	// A username must not contain special characters.
	for _, name := range invalidNames {
		c.CallInvalid("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}).
			ExpectInvalid("username")
	}
}

func (p *simpleChat) create() {
	// create #main → event "create" of emitter "channel" to all clients of the server
	p.main = p.anna.CreateRoom(models.NewRoom{Handle: harness.Ptr("main")}, p.anna, p.bert, p.cora, p.eve)
	// create of a channel that exists
	p.bert.Call("POST", "/v1/rooms", models.NewRoom{Handle: harness.Ptr("Main")}).
		ExpectProblem(409, models.CodeHandleTaken)
	// A channel's name must not contain special characters.
	for _, name := range invalidNames {
		p.bert.CallInvalid("POST", "/v1/rooms", models.NewRoom{Handle: harness.Ptr(name)}).ExpectInvalid("handle")
	}
}

func (p *simpleChat) join() {
	// join #main → event "join" of emitter "participant" to all participants
	p.bert.JoinRoom(harness.HandlePath("main"), p.anna, p.bert)
	p.cora.JoinRoom(harness.HandlePath("main"), p.anna, p.bert, p.cora)
	// join of a channel that does not exist
	p.cora.Call("PUT", harness.HandlePath("maine")+"/members/me", nil).ExpectProblem(404, models.CodeNotFound)
	// bert is present in the channel.
	p.bert.EnterRoom(p.main, p.bert)
}

func (p *simpleChat) message() {
	// message to #main → message of emitter "participant" to all participants
	p.anna.SendMessageTo("#main", 1, text("Hello guys!")).ExpectCreated(p.anna, p.bert).ExpectNotified(p.cora)
	p.cora.SendMessageTo("#MAIN", 2, text("Hello Anna!")).ExpectCreated(p.cora, p.bert).ExpectNotified(p.anna)
	// message of a user who is not a participant, to a channel that does not exist, and to an invalid target
	p.eve.Call("POST", "/v1/messages", addressed("#main")).ExpectProblem(403, models.CodeForbidden)
	p.anna.Call("POST", "/v1/messages", addressed("#maine")).ExpectProblem(404, models.CodeNotFound)
	p.anna.CallInvalid("POST", "/v1/messages", addressed("main")).ExpectInvalid("target")
}

// addressed returns a message to a channel or a user.
func addressed(target string) models.TargetedMessage {
	return models.TargetedMessage{Target: target, NewMessage: text("Hello?")}
}

func (p *simpleChat) private() {
	// message to @bert → to the two of them; the first message creates their room
	first := p.anna.SendMessageTo("@bert", 1, text("Hello Bert!"))
	room := harness.Get[models.Room](p.bert.Client, harness.RoomPath(first.RoomID))
	harness.ExpectSameEvent(p.t, models.EventRoomCreated, models.Room{
		ID: first.RoomID, Kind: models.RoomDirect, MemberCount: 2,
		CreatedAt: p.anna.ExpectRecent(room.CreatedAt), UpdatedAt: room.CreatedAt, ActiveAt: room.CreatedAt,
		Users: []models.UserRef{p.anna.User.Ref(), p.bert.User.Ref()},
	}, p.anna, p.bert)
	first.ExpectCreated(p.anna).ExpectNotified(p.bert)
	// message to @anna in the other direction
	reply := p.bert.SendMessageTo("@anna", 2, text("Hello to you alone!")).ExpectCreated(p.bert).ExpectNotified(p.anna)
	if reply.RoomID != first.RoomID {
		p.t.Errorf("the reply is in room %d, want room %d", reply.RoomID, first.RoomID)
	}
	p.cora.Call("GET", harness.RoomPath(first.RoomID)+"/messages", nil).ExpectProblem(404, models.CodeNotFound)
	// message to a user who does not exist
	p.anna.Call("POST", "/v1/messages", addressed("@dora")).ExpectProblem(404, models.CodeNotFound)
}

func (p *simpleChat) leave() {
	// leave #main → event "left" of emitter "participant" to the other participants
	p.cora.LeaveRoom(harness.HandlePath("main"), p.anna, p.bert, p.cora)
	p.anna.SendMessageTo("#main", 3, text("Goodbye Cora!")).ExpectCreated(p.anna, p.bert)
	p.cora.Call("POST", "/v1/messages", addressed("#main")).ExpectProblem(403, models.CodeForbidden)
}

func (p *simpleChat) destroy() {
	// destroy without permission
	p.bert.Call("DELETE", harness.HandlePath("main"), nil).ExpectProblem(403, models.CodeForbidden)
	// destroy #main → event "destroy" of emitter "channel" to all connected clients
	p.anna.Call("DELETE", harness.HandlePath("main"), nil).ExpectStatus(204).
		ExpectEvent(models.EventRoomDeleted, models.RoomGone{RoomID: p.main.ID, Handle: "main"},
			p.anna, p.bert, p.cora, p.eve)
	p.anna.Call("POST", "/v1/messages", addressed("#main")).ExpectProblem(404, models.CodeNotFound)
	// create #main, whose name is free again
	p.bert.CreateRoom(models.NewRoom{Handle: harness.Ptr("main")}, p.anna, p.bert, p.cora, p.eve)
}
