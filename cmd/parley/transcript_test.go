package main

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/parley-chat/parley/models"
)

// A transcript plays one of the protocols that Parley does the work of, in the order of the protocol's own text, with
// those who take part in it and a bystander. Each step names the protocol's action. Each answer is held against what the
// protocol promises; each event is named together with those who get it, and must be the very next one of their streams,
// so that nobody gets anything else. A last event for everybody ends the transcript: nothing came before it.

// actor is somebody in a transcript: a client, and the event stream that they keep open.
type actor struct {
	*client
	stream *stream
}

// attend opens the client's stream.
func (c *client) attend() *actor {
	c.t.Helper()
	return &actor{client: c, stream: c.open("")}
}

// meets puts a client on the actor's contact list before the client's stream opens. Who is online is told aside from the
// log, at a moment of its own: once the actor was told, nobody else will be, in between of something later. That is one
// use of a bystander.
func (a *actor) meets(c *client) *actor {
	a.t.Helper()
	a.call("PUT", contactPath(c), nil).status(200).
		pushes(models.EventContactAdded, models.ContactEvent{Owner: a.User.Ref(), User: c.User.Ref()}, a)
	other := c.attend()
	a.stream.expectStatus(models.EventUserOnline, c)
	return other
}

// told wants the next event of each of the actors to be this one, the same for all. It answers the event's id.
func told(t testing.TB, name models.EventName, data any, to ...*actor) (id string) {
	t.Helper()
	for i, a := range to {
		e := a.stream.next()
		if i == 0 {
			id = e.id
		}
		if e.name != string(name) || e.id != id || !sameJSON(t, json.RawMessage(e.data), data) {
			t.Fatalf("%s was told %v\nwanted %s %s %s", a.User.Username, e, id, name, asJSON(t, data))
		}
	}
	return id
}

// pushes wants the change to be told to each of the actors, under the id that the answer named.
func (a *answer) pushes(name models.EventName, data any, to ...*actor) *answer {
	a.t.Helper()
	if id := told(a.t, name, data, to...); id != a.eventID() {
		a.t.Errorf("%v\nnames the event %q, which came as %q", a, a.eventID(), id)
	}
	return a
}

// is wants the answer to be this object, to the last field.
func (a *answer) is(want any) *answer {
	a.t.Helper()
	var got any
	a.into(&got)
	if !sameJSON(a.t, got, want) {
		a.t.Errorf("%v\nwanted %s", a, asJSON(a.t, want))
	}
	return a
}

func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// sameJSON reports whether two values are the same to a client, whatever types they have here.
func sameJSON(t testing.TB, a, b any) bool {
	t.Helper()
	var plain [2]any
	for i, v := range []any{a, b} {
		if err := json.Unmarshal(asJSON(t, v), &plain[i]); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(plain[0], plain[1])
}

// dated wants a date of something that the actor has just done.
func (a *actor) dated(at models.Time) models.Time {
	a.t.Helper()
	if from, to := a.stream.ready.ServerTime, models.Now(); at.Before(from.Time) || at.After(to.Time) {
		a.t.Errorf("dated %v, though done between %v and %v", at, from, to)
	}
	return at
}

// session wants the answer to be the first or a further session of the user, complete, and takes it over.
func (c *client) session(a *answer, status int, user models.User) {
	c.t.Helper()
	a.status(status).into(&c.Session)
	if c.AccessToken == "" || c.RefreshToken == "" || c.SessionID == "" || c.User.ID == 0 || c.User.CreatedAt.IsZero() {
		c.t.Errorf("%v\nis not complete", a)
	}
	user.ID, user.CreatedAt = c.User.ID, c.User.CreatedAt
	a.is(models.Session{
		AccessToken: c.AccessToken, TokenType: "Bearer", ExpiresIn: 900, RefreshToken: c.RefreshToken,
		SessionID: c.SessionID, User: user,
	})
}

// visit is a client of its own for a guest of that name, which is all that it takes.
func (c *client) visit(name string) *client {
	c.t.Helper()
	g := c.as("")
	g.session(g.call("POST", "/v1/sessions", models.Credentials{Username: name, Guest: true}), 201,
		models.User{Username: name, DisplayName: name, Guest: true})
	return g
}
