package main

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestTossAMessage plays toss-a-message: a username is enough to talk to all who are there, until the server closes.
func TestTossAMessage(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		server := startProcess(t, database, "--lobby", "lobby")
		p := tossAMessage{t: t}
		p.logIn(newClient(t, server.url))
		p.sendMessage()
		p.disconnect()
		p.closeServer(server)
	})
}

// tossAMessage is the cast: vincent, paul and theo, and eve, who has left the lobby.
type tossAMessage struct {
	t                        *testing.T
	vincent, paul, theo, eve *actor
	lobby                    models.Room
}

func (p *tossAMessage) logIn(c *client) {
	// The room of all who are there was there before anybody.
	eve := c.visit("eve")
	p.lobby = get[models.Room](eve, named("lobby"))
	if p.lobby.Kind != models.RoomPublic || p.lobby.MemberCount != 1 || p.lobby.Membership == nil {
		p.t.Errorf("the lobby is %+v", p.lobby)
	}
	eve.call("DELETE", named("lobby")+"/members/me", nil).status(204)
	p.eve = eve.attend()

	// log-in → log-in with the time to the one who logs in, log-in with name and time to the others
	p.vincent = p.eve.meets(c.visit("vincent"))
	p.paul = p.comes(c, "paul", p.vincent)
	p.theo = p.comes(c, "theo", p.vincent, p.paul)
	// log-in with a username that is not unique
	c.call("POST", "/v1/sessions", models.Credentials{Username: "Vincent", Guest: true}).problem(409, models.CodeUsernameTaken)
	// paul has the lobby open.
	p.paul.enters(p.lobby, p.paul)
}

// comes logs somebody in, which the others are told: that there is one more in the lobby, and that they are online.
func (p *tossAMessage) comes(c *client, name string, others ...*actor) *actor {
	p.t.Helper()
	g := c.visit(name)
	told(p.t, models.EventMemberJoined, models.MemberEvent{RoomID: p.lobby.ID, User: g.User.Ref(), Role: models.RoleMember}, others...)
	newcomer := p.eve.meets(g)
	for _, o := range others {
		newcomer.dated(o.stream.expectStatus(models.EventUserOnline, g))
	}
	return newcomer
}

func (p *tossAMessage) sendMessage() {
	// send-message → send-message with name, message and time to all
	first := p.vincent.writes(p.lobby, 1, text("Check my new painting!")).created(p.vincent, p.paul).notified(p.theo)
	second := p.theo.writes(p.lobby, 2, text("Sunflowers again?")).created(p.theo, p.paul).notified(p.vincent)
	p.paul.holds(named("lobby")+"/messages", first.Message, second.Message)
	// send-message of one who is not there
	p.eve.call("POST", named("lobby")+"/messages", text("Let me see!")).problem(403, models.CodeForbidden)
}

func (p *tossAMessage) disconnect() {
	// Whoever goes is told of like whoever comes, a few seconds later.
	p.theo.stream.cancel()
	at := p.vincent.stream.expectStatus(models.EventUserOffline, p.theo.client)
	for _, a := range []*actor{p.paul, p.eve} {
		if a.stream.expectStatus(models.EventUserOffline, p.theo.client) != at {
			p.t.Errorf("theo went at %v, and at another time", at)
		}
	}
	p.theo.dated(at)
}

func (p *tossAMessage) closeServer(server *process) {
	// close-server → close-server to every client, whose connection is then closed
	stopped := make(chan int)
	go func() { stopped <- server.terminate() }()
	for _, a := range []*actor{p.vincent, p.paul, p.eve} {
		a.stream.expect(models.EventServerClosing, nil)
		a.stream.end()
	}
	if status := <-stopped; status != 0 {
		p.t.Errorf("the exit status is %d: %s", status, server.output.String())
	}
}
