package harness

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/parley-chat/parley/models"
)

// A transcript plays one of the protocols that Parley does the work of, in the order of the protocol's own text, with
// those who take part in it and a bystander. Each step names the protocol's action. Each answer is held against what
// the protocol promises; each event is named together with those who get it, and must be the very next one of their
// streams, so that nobody gets anything else. A last event for everybody ends the transcript: nothing came before it.

// Participant is a user in a transcript: a client, and an event stream that stays open.
type Participant struct {
	*Client
	Stream *Stream
}

// Participate opens the client's stream.
func (c *Client) Participate() *Participant {
	c.T.Helper()
	return &Participant{Client: c, Stream: c.OpenStream("")}
}

// AddContactAndParticipate adds a client to the participant's contacts before the client's stream opens. Who is online
// does not go through the log, and comes at a moment of its own: once this participant has got the event, it comes to
// nobody else in between of later events. That is one use of a bystander.
func (a *Participant) AddContactAndParticipate(c *Client) *Participant {
	a.T.Helper()
	a.Call("PUT", ContactPath(c), nil).ExpectStatus(200).
		ExpectEvent(models.EventContactAdded, models.ContactEvent{Owner: a.User.Ref(), User: c.User.Ref()}, a)
	other := c.Participate()
	a.Stream.ExpectUserStatus(models.EventUserOnline, c)
	return other
}

// ExpectSameEvent expects the next event of each of the participants to be this one, the same for all. It returns the
// event's id.
func ExpectSameEvent(t testing.TB, name models.EventName, data any, to ...*Participant) (id string) {
	t.Helper()
	for i, a := range to {
		e := a.Stream.Next()
		if i == 0 {
			id = e.ID
		}
		if e.Name != string(name) || e.ID != id || !SameJSON(t, json.RawMessage(e.Data), data) {
			t.Fatalf("%s was told %v\nwanted %s %s %s", a.User.Username, e, id, name, AsJSON(t, data))
		}
	}
	return id
}

// ExpectEvent expects the next event of each of the participants to be this one, under the id that the response names.
func (a *Response) ExpectEvent(name models.EventName, data any, to ...*Participant) *Response {
	a.T.Helper()
	if id := ExpectSameEvent(a.T, name, data, to...); id != a.EventID() {
		a.T.Errorf("%v\nnames the event %q, which came as %q", a, a.EventID(), id)
	}
	return a
}

// ExpectBody expects the response to be this object, in every field.
func (a *Response) ExpectBody(want any) *Response {
	a.T.Helper()
	var got any
	a.Decode(&got)
	if !SameJSON(a.T, got, want) {
		a.T.Errorf("%v\nwanted %s", a, AsJSON(a.T, want))
	}
	return a
}

// AsJSON encodes v.
func AsJSON(t testing.TB, v any) []byte {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// SameJSON reports whether two values are the same as JSON, whatever their types are here.
func SameJSON(t testing.TB, a, b any) bool {
	t.Helper()
	var plain [2]any
	for i, v := range []any{a, b} {
		if err := json.Unmarshal(AsJSON(t, v), &plain[i]); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(plain[0], plain[1])
}

// ExpectRecent expects the time of something that the participant has just done, and returns it.
func (a *Participant) ExpectRecent(at models.Time) models.Time {
	a.T.Helper()
	if from, to := a.Stream.Ready.ServerTime, models.Now(); at.Before(from.Time) || at.After(to.Time) {
		a.T.Errorf("dated %v, though done between %v and %v", at, from, to)
	}
	return at
}

// ExpectSession expects the response to be a complete session of the user, and makes it the client's.
func (c *Client) ExpectSession(a *Response, status int, user models.User) {
	c.T.Helper()
	a.ExpectStatus(status).Decode(&c.Session)
	if c.AccessToken == "" || c.RefreshToken == "" || c.SessionID == "" || c.User.ID == 0 || c.User.CreatedAt.IsZero() {
		c.T.Errorf("%v\nis not complete", a)
	}
	user.ID, user.CreatedAt = c.User.ID, c.User.CreatedAt
	a.ExpectBody(models.Session{
		AccessToken: c.AccessToken, TokenType: "Bearer", ExpiresIn: 900, RefreshToken: c.RefreshToken,
		SessionID: c.SessionID, User: user,
	})
}

// SignInGuest signs in a guest with nothing but a username, and expects a complete session.
func (c *Client) SignInGuest(name string) *Client {
	c.T.Helper()
	g := c.WithToken("")
	g.ExpectSession(g.Call("POST", "/v1/sessions", models.Credentials{Username: name, Guest: true}), 201,
		models.User{Username: name, DisplayName: name, Guest: true})
	return g
}
