package main

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestMsgpackChat plays msgpack-chat: contacts, whispers and groups, in MessagePack on every call. What is pushed is JSON,
// as on every stream.
func TestMsgpackChat(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		c := newClient(t, startServer(t, database).url).packed()
		p := msgpackChat{t: t}
		p.register(c)
		p.login(c)
		p.logout()
		p.addContact()
		p.whisper()
		p.group()
		p.msgGroup()
		theEnd(t, p.anna, p.anna, p.bert, p.cora, p.eve)
	})
}

// msgpackChat is the cast: anna and bert, who whisper, cora, who is in a group with them, and eve, who is not.
type msgpackChat struct {
	t                     *testing.T
	anna, bert, cora, eve *actor
	guild                 models.Room
}

func (p *msgpackChat) register(c *client) {
	// register → status true
	for _, name := range []string{"anna", "bert", "cora", "eve"} {
		r := c.as("")
		r.session(r.call("POST", "/v1/users", models.NewUser{Username: name, Password: password}), 201,
			models.User{Username: name, DisplayName: name})
	}
	// register → status false and an error message
	again := c.call("POST", "/v1/users", models.NewUser{Username: "ANNA", Password: password})
	if problem := again.problem(409, models.CodeUsernameTaken); problem.Detail == "" {
		p.t.Errorf("no message comes with %v", again)
	}
}

func (p *msgpackChat) login(c *client) {
	// login → status true, username and token
	p.eve = p.enter(c, "eve").attend()
	p.anna, p.bert, p.cora = p.eve.meets(p.enter(c, "anna")), p.eve.meets(p.enter(c, "bert")), p.eve.meets(p.enter(c, "cora"))
	// login → status false and an error message
	for _, wrong := range []models.Credentials{{Username: "anna", Password: "guess"}, {Username: "dora", Password: password}} {
		c.call("POST", "/v1/sessions", wrong).problem(401, models.CodeBadCredentials)
	}
	// any other request without a token → status false and an error message
	c.call("PUT", "/v1/contacts/@bert", nil).problem(401, models.CodeUnauthenticated)
}

func (p *msgpackChat) enter(c *client, name string) *client {
	p.t.Helper()
	in := c.as("")
	in.session(in.call("POST", "/v1/sessions", models.Credentials{Username: name, Password: password}), 201,
		models.User{Username: name, DisplayName: name})
	return in
}

func (p *msgpackChat) logout() {
	// logout → status true; the token is worth nothing any more
	other := p.anna.logInAs("anna", password).attend()
	other.call("DELETE", "/v1/sessions/current", nil).status(204).quiet()
	told(p.t, models.EventSessionRevoked,
		models.SessionRevoked{SessionID: other.SessionID, Reason: models.RevokedByLogOut}, other)
	other.stream.end()
	other.call("PUT", "/v1/contacts/@bert", nil).problem(401, models.CodeSessionRevoked)
}

func (p *msgpackChat) addContact() {
	// add_contact → status true; both are told whose list is longer, and by whom
	var contact models.Contact
	a := p.anna.call("PUT", "/v1/contacts/@bert", nil).status(200).into(&contact)
	want := models.Contact{User: p.bert.profile(), AddedAt: p.anna.dated(contact.AddedAt)}
	a.is(want).pushes(models.EventContactAdded, models.ContactEvent{Owner: p.anna.User.Ref(), User: p.bert.User.Ref()}, p.anna, p.bert)
	p.anna.call("GET", "/v1/contacts", nil).status(200).is(models.Page[models.Contact]{Items: []models.Contact{want}})
	p.bert.call("GET", "/v1/contacts", nil).status(200).is(models.Page[models.Contact]{Items: []models.Contact{}})
	// add_contact of somebody whom there is not
	p.anna.call("PUT", "/v1/contacts/@dora", nil).problem(404, models.CodeNotFound)
}

func (p *msgpackChat) whisper() {
	// whisper → update "whisper" with sender and content to the recipient alone
	first := p.anna.addresses("@bert", 1, text("Come to the guild."))
	p.directRoom(first)
	first.created(p.anna).notified(p.bert)
	p.bert.addresses("@anna", 2, text("Which guild?")).created(p.bert).notified(p.anna)
	// whisper to somebody whom there is not
	p.anna.call("POST", "/v1/messages", addressed("@dora")).problem(404, models.CodeNotFound)
}

// directRoom wants the two who whisper, and nobody else, to be told of the room that the first whisper made.
func (p *msgpackChat) directRoom(first sent) {
	p.t.Helper()
	at := get[models.Room](p.bert.client, roomPath(first.RoomID)).CreatedAt
	told(p.t, models.EventRoomCreated, models.Room{
		ID: first.RoomID, Kind: models.RoomDirect, MemberCount: 2, CreatedAt: p.anna.dated(at), UpdatedAt: at, ActiveAt: at,
		Users: []models.UserRef{p.anna.User.Ref(), p.bert.User.Ref()},
	}, p.anna, p.bert)
	p.cora.call("GET", roomPath(first.RoomID), nil).problem(404, models.CodeNotFound)
}

func (p *msgpackChat) group() {
	// create_group → status true
	p.guild = p.anna.founds(models.NewRoom{Handle: ptr("guild")}, p.anna, p.bert, p.cora, p.eve)
	// create_group of one that there is
	p.bert.call("POST", "/v1/rooms", models.NewRoom{Handle: ptr("guild")}).problem(409, models.CodeHandleTaken)
	// join_group → status true
	p.bert.joins(named("guild"), p.anna, p.bert)
	p.cora.joins(named("guild"), p.anna, p.bert, p.cora)
	// join_group of one that there is not
	p.cora.call("PUT", named("gild")+"/members/me", nil).problem(404, models.CodeNotFound)
	// cora has the group open.
	p.cora.enters(p.guild, p.cora)
}

func (p *msgpackChat) msgGroup() {
	// msg_group → update "msg_group" with group_name, sender and content to all who are in the group
	p.anna.addresses("#guild", 1, text("Welcome!")).created(p.anna, p.cora).notified(p.bert)
	p.bert.addresses("#guild", 2, text("This guild!")).created(p.bert, p.cora).notified(p.anna)
	// msg_group of one who is not in it
	p.eve.call("POST", "/v1/messages", addressed("#guild")).problem(403, models.CodeForbidden)
}
