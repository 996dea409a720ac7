package protocols

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestMsgpackChat plays msgpack-chat: contacts, whispers and groups. Every call uses MessagePack. Events are JSON, as
// on every stream.
func TestMsgpackChat(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		c := harness.NewClient(t, harness.StartServer(t, database).URL).WithMessagePack()
		p := msgpackChat{t: t}
		p.register(c)
		p.login(c)
		p.logout()
		p.addContact()
		p.whisper()
		p.group()
		p.msgGroup()
		expectNoFurtherEvent(t, p.anna, p.anna, p.bert, p.cora, p.eve)
	})
}

// msgpackChat has the participants: anna and bert, who whisper, cora, who is in a group with them, and eve, who is not.
type msgpackChat struct {
	t                     *testing.T
	anna, bert, cora, eve *harness.Participant
	guild                 models.Room
}

func (p *msgpackChat) register(c *harness.Client) {
	// register → status true
	for _, name := range []string{"anna", "bert", "cora", "eve"} {
		r := c.WithToken("")
		r.ExpectSession(r.Call("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}), 201,
			models.User{Username: name, DisplayName: name})
	}
	// register → status false and an error message
	again := c.Call("POST", "/v1/users", models.NewUser{Username: "ANNA", Password: harness.Password})
	if problem := again.ExpectProblem(409, models.CodeUsernameTaken); problem.Detail == "" {
		p.t.Errorf("%v has no message", again)
	}
}

func (p *msgpackChat) login(c *harness.Client) {
	// login → status true, username and token
	p.eve = p.logIn(c, "eve").Participate()
	p.anna = p.eve.AddContactAndParticipate(p.logIn(c, "anna"))
	p.bert = p.eve.AddContactAndParticipate(p.logIn(c, "bert"))
	p.cora = p.eve.AddContactAndParticipate(p.logIn(c, "cora"))
	// login → status false and an error message
	for _, wrong := range []models.Credentials{
		{Username: "anna", Password: "guess"}, {Username: "dora", Password: harness.Password},
	} {
		c.Call("POST", "/v1/sessions", wrong).ExpectProblem(401, models.CodeBadCredentials)
	}
	// any other request without a token → status false and an error message
	c.Call("PUT", "/v1/contacts/@bert", nil).ExpectProblem(401, models.CodeUnauthenticated)
}

func (p *msgpackChat) logIn(c *harness.Client, name string) *harness.Client {
	p.t.Helper()
	user := c.WithToken("")
	user.ExpectSession(user.Call("POST", "/v1/sessions", models.Credentials{Username: name, Password: harness.Password}),
		201, models.User{Username: name, DisplayName: name})
	return user
}

func (p *msgpackChat) logout() {
	// logout → status true; the token is no longer valid
	other := p.anna.LogInAs("anna", harness.Password).Participate()
	other.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204).ExpectNoEvent()
	harness.ExpectSameEvent(p.t, models.EventSessionRevoked,
		models.SessionRevoked{SessionID: other.SessionID, Reason: models.RevokedByLogOut}, other)
	other.Stream.ExpectEnd()
	other.Call("PUT", "/v1/contacts/@bert", nil).ExpectProblem(401, models.CodeSessionRevoked)
}

func (p *msgpackChat) addContact() {
	// add_contact → status true; both users get the event
	var contact models.Contact
	a := p.anna.Call("PUT", "/v1/contacts/@bert", nil).ExpectStatus(200).Decode(&contact)
	want := models.Contact{User: p.bert.Profile(), AddedAt: p.anna.ExpectRecent(contact.AddedAt)}
	a.ExpectBody(want).
		ExpectEvent(models.EventContactAdded,
			models.ContactEvent{Owner: p.anna.User.Ref(), User: p.bert.User.Ref()}, p.anna, p.bert)
	p.anna.Call("GET", "/v1/contacts", nil).
		ExpectStatus(200).
		ExpectBody(models.Page[models.Contact]{Items: []models.Contact{want}})
	p.bert.Call("GET", "/v1/contacts", nil).
		ExpectStatus(200).
		ExpectBody(models.Page[models.Contact]{Items: []models.Contact{}})
	// add_contact of a user who does not exist
	p.anna.Call("PUT", "/v1/contacts/@dora", nil).ExpectProblem(404, models.CodeNotFound)
}

func (p *msgpackChat) whisper() {
	// whisper → update "whisper" with sender and content to the recipient alone
	first := p.anna.SendMessageTo("@bert", 1, text("Come to the guild."))
	p.expectDirectRoom(first)
	first.ExpectCreated(p.anna).ExpectNotified(p.bert)
	p.bert.SendMessageTo("@anna", 2, text("Which guild?")).ExpectCreated(p.bert).ExpectNotified(p.anna)
	// whisper to a user who does not exist
	p.anna.Call("POST", "/v1/messages", addressed("@dora")).ExpectProblem(404, models.CodeNotFound)
}

// expectDirectRoom expects the two who whisper, and nobody else, to get the event of the room that the first whisper
// created.
func (p *msgpackChat) expectDirectRoom(first harness.SentMessage) {
	p.t.Helper()
	at := harness.Get[models.Room](p.bert.Client, harness.RoomPath(first.RoomID)).CreatedAt
	harness.ExpectSameEvent(p.t, models.EventRoomCreated, models.Room{
		ID:          first.RoomID,
		Kind:        models.RoomDirect,
		MemberCount: 2,
		CreatedAt:   p.anna.ExpectRecent(at),
		UpdatedAt:   at,
		ActiveAt:    at,
		Users:       []models.UserRef{p.anna.User.Ref(), p.bert.User.Ref()},
	}, p.anna, p.bert)
	p.cora.Call("GET", harness.RoomPath(first.RoomID), nil).ExpectProblem(404, models.CodeNotFound)
}

func (p *msgpackChat) group() {
	// create_group → status true
	p.guild = p.anna.CreateRoom(models.NewRoom{Handle: harness.Ptr("guild")}, p.anna, p.bert, p.cora, p.eve)
	// create_group of a group that exists
	p.bert.Call("POST", "/v1/rooms", models.NewRoom{Handle: harness.Ptr("guild")}).
		ExpectProblem(409, models.CodeHandleTaken)
	// join_group → status true
	p.bert.JoinRoom(harness.HandlePath("guild"), p.anna, p.bert)
	p.cora.JoinRoom(harness.HandlePath("guild"), p.anna, p.bert, p.cora)
	// join_group of a group that does not exist
	p.cora.Call("PUT", harness.HandlePath("gild")+"/members/me", nil).ExpectProblem(404, models.CodeNotFound)
	// cora is present in the group's room.
	p.cora.EnterRoom(p.guild, p.cora)
}

func (p *msgpackChat) msgGroup() {
	// msg_group → update "msg_group" with group_name, sender and content to all members of the group
	p.anna.SendMessageTo("#guild", 1, text("Welcome!")).ExpectCreated(p.anna, p.cora).ExpectNotified(p.bert)
	p.bert.SendMessageTo("#guild", 2, text("This guild!")).ExpectCreated(p.bert, p.cora).ExpectNotified(p.anna)
	// msg_group of a user who is not a member
	p.eve.Call("POST", "/v1/messages", addressed("#guild")).ExpectProblem(403, models.CodeForbidden)
}
