package main

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestSimpleChat plays simple-chat: channels that everybody is told of, and messages to a channel or to a user.
func TestSimpleChat(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		p := simpleChat{t: t}
		social := newProvider(t)
		p.authentication(newClient(t, startServer(t, database, "--oidc", social.setting("mock")).url), social)
		p.create()
		p.join()
		p.message()
		p.private()
		p.leave()
		p.destroy()
		theEnd(t, p.anna, p.anna, p.bert, p.cora, p.eve)
	})
}

// simpleChat is the cast: anna, who makes the channel, bert and cora, who join it, and eve, who does not.
type simpleChat struct {
	t                     *testing.T
	anna, bert, cora, eve *actor
	main                  models.Room
}

// special are names with symbols that no name can hold, the last of them a Cyrillic letter among Latin ones.
var special = []string{"#main", "@main", "ma in", "ma/in", "main!", "m\u0430in"}

func (p *simpleChat) authentication(c *client, social *provider) {
	p.eve = c.signUp("eve", password).attend()
	// authentication via a social network, for all that the browser goes through
	b, anna := c.browser(), c.as("")
	page := social.arrives(b, "/v1/auth/mock", visitor{subject: "1", username: "anna", name: "Anna"})
	anna.session(b.trade(page), 201, models.User{Username: "anna", DisplayName: "Anna"})
	p.anna, p.bert, p.cora = p.eve.meets(anna), p.eve.meets(c.signUp("bert", password)), p.eve.meets(c.signUp("cora", password))
	// A user's name holds no special symbols.
	for _, name := range special {
		c.wrong("POST", "/v1/users", models.NewUser{Username: name, Password: password}).invalid("username")
	}
}

func (p *simpleChat) create() {
	// create #main → event "create" of emitter "channel" to all clients of the server
	p.main = p.anna.founds(models.NewRoom{Handle: ptr("main")}, p.anna, p.bert, p.cora, p.eve)
	// create of a channel that there is
	p.bert.call("POST", "/v1/rooms", models.NewRoom{Handle: ptr("Main")}).problem(409, models.CodeHandleTaken)
	// A channel's name holds no special symbols.
	for _, name := range special {
		p.bert.wrong("POST", "/v1/rooms", models.NewRoom{Handle: ptr(name)}).invalid("handle")
	}
}

func (p *simpleChat) join() {
	// join #main → event "join" of emitter "participant" to all participants
	p.bert.joins(named("main"), p.anna, p.bert)
	p.cora.joins(named("main"), p.anna, p.bert, p.cora)
	// join of a channel that there is not
	p.cora.call("PUT", named("maine")+"/members/me", nil).problem(404, models.CodeNotFound)
	// bert has the channel open.
	p.bert.enters(p.main, p.bert)
}

func (p *simpleChat) message() {
	// message to #main → message of emitter "participant" to all participants
	p.anna.addresses("#main", 1, text("Hello guys!")).created(p.anna, p.bert).notified(p.cora)
	p.cora.addresses("#MAIN", 2, text("Hello Anna!")).created(p.cora, p.bert).notified(p.anna)
	// message of one who is no participant, to a channel that there is not, and to neither a channel nor a user
	p.eve.call("POST", "/v1/messages", addressed("#main")).problem(403, models.CodeForbidden)
	p.anna.call("POST", "/v1/messages", addressed("#maine")).problem(404, models.CodeNotFound)
	p.anna.wrong("POST", "/v1/messages", addressed("main")).invalid("target")
}

func addressed(target string) models.TargetedMessage {
	return models.TargetedMessage{Target: target, NewMessage: text("Hello?")}
}

func (p *simpleChat) private() {
	// message to @bert → to the two of them; the first one makes their room
	first := p.anna.addresses("@bert", 1, text("Hello Bert!"))
	room := get[models.Room](p.bert.client, roomPath(first.RoomID))
	told(p.t, models.EventRoomCreated, models.Room{
		ID: first.RoomID, Kind: models.RoomDirect, MemberCount: 2,
		CreatedAt: p.anna.dated(room.CreatedAt), UpdatedAt: room.CreatedAt, ActiveAt: room.CreatedAt,
		Users: []models.UserRef{p.anna.User.Ref(), p.bert.User.Ref()},
	}, p.anna, p.bert)
	first.created(p.anna).notified(p.bert)
	// message to @anna, the other way
	answer := p.bert.addresses("@anna", 2, text("Hello to you alone!")).created(p.bert).notified(p.anna)
	if answer.RoomID != first.RoomID {
		p.t.Errorf("answered in room %d to a message in room %d", answer.RoomID, first.RoomID)
	}
	p.cora.call("GET", roomPath(first.RoomID)+"/messages", nil).problem(404, models.CodeNotFound)
	// message to a user whom there is not
	p.anna.call("POST", "/v1/messages", addressed("@dora")).problem(404, models.CodeNotFound)
}

func (p *simpleChat) leave() {
	// leave #main → event "left" of emitter "participant" to the other participants
	p.cora.leaves(named("main"), p.anna, p.bert, p.cora)
	p.anna.addresses("#main", 3, text("Goodbye Cora!")).created(p.anna, p.bert)
	p.cora.call("POST", "/v1/messages", addressed("#main")).problem(403, models.CodeForbidden)
}

func (p *simpleChat) destroy() {
	// destroy of one who may not
	p.bert.call("DELETE", named("main"), nil).problem(403, models.CodeForbidden)
	// destroy #main → event "destroy" of emitter "channel" to all connected clients
	p.anna.call("DELETE", named("main"), nil).status(204).
		pushes(models.EventRoomDeleted, models.RoomGone{RoomID: p.main.ID, Handle: "main"}, p.anna, p.bert, p.cora, p.eve)
	p.anna.call("POST", "/v1/messages", addressed("#main")).problem(404, models.CodeNotFound)
	// create #main, which is free again
	p.bert.founds(models.NewRoom{Handle: ptr("main")}, p.anna, p.bert, p.cora, p.eve)
}
