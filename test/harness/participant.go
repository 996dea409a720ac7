package harness

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/parley-chat/parley/models"
)

// A transcript plays one of the protocols whose features Parley provides. Its steps follow the protocol's own text, and
// its users include a bystander. Each step names the protocol's action and checks the response. Each expected event is
// listed with the participants who receive it, and must be the next event of their streams, so that a further event for
// anybody fails the test. The last step sends an event to all participants, which shows that no other event precedes
// it.

// Participant is a user in a transcript: a client, and an event stream that stays open.
type Participant struct {
	*Client
	Stream *Stream
}

// Participate opens the client's stream and returns the participant.
func (c *Client) Participate() *Participant {
	c.T.Helper()
	return &Participant{Client: c, Stream: c.OpenStream("")}
}

// AddContactAndParticipate adds the client to the participant's contacts, and then opens the client's stream. Online
// status is not part of the log, so its order among other events is undefined. Once this participant, usually the
// bystander, has received user.online, no other stream gets it in between later events.
func (p *Participant) AddContactAndParticipate(c *Client) *Participant {
	p.T.Helper()
	p.Call("PUT", ContactPath(c), nil).ExpectStatus(200).
		ExpectEvent(models.EventContactAdded, models.ContactEvent{Owner: p.User.Ref(), User: c.User.Ref()}, p)
	other := c.Participate()
	p.Stream.ExpectUserStatus(models.EventUserOnline, c)
	return other
}

// ExpectSameEvent expects the next event of each of the participants to have the name and the data, and the same id for
// all. It returns the id.
func ExpectSameEvent(t testing.TB, name models.EventName, data any, to ...*Participant) (id string) {
	t.Helper()
	for i, p := range to {
		e := p.Stream.Next()
		if i == 0 {
			id = e.ID
		}
		if e.Name != string(name) || e.ID != id || !SameJSON(t, json.RawMessage(e.Data), data) {
			t.Fatalf("%s got %v\nwant %s %s %s", p.User.Username, e, id, name, AsJSON(t, data))
		}
	}
	return id
}

// ExpectEvent expects the next event of each of the participants to have the name, the data, and the id in the
// response's Event-Id.
func (r *Response) ExpectEvent(name models.EventName, data any, to ...*Participant) *Response {
	r.T.Helper()
	if id := ExpectSameEvent(r.T, name, data, to...); id != r.EventID() {
		r.T.Errorf("%v\nhas Event-Id %q, the event has the id %q", r, r.EventID(), id)
	}
	return r
}

// ExpectBody expects the response to equal want as JSON, in every field.
func (r *Response) ExpectBody(want any) *Response {
	r.T.Helper()
	var got any
	r.Decode(&got)
	if !SameJSON(r.T, got, want) {
		r.T.Errorf("%v\nwant %s", r, AsJSON(r.T, want))
	}
	return r
}

// AsJSON encodes v as JSON.
func AsJSON(t testing.TB, v any) []byte {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// SameJSON reports whether two values, which may differ in their types, have the same JSON encoding.
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

// ExpectRecent expects the time to lie between the start of the participant's stream and now, and returns it.
func (p *Participant) ExpectRecent(at models.Time) models.Time {
	p.T.Helper()
	if from, to := p.Stream.Ready.ServerTime, models.Now(); at.Before(from.Time) || at.After(to.Time) {
		p.T.Errorf("the time is %v, want one between %v and %v", at, from, to)
	}
	return at
}

// ExpectSession expects the response to be a complete session of the user, which becomes the client's session.
func (c *Client) ExpectSession(response *Response, status int, user models.User) {
	c.T.Helper()
	response.ExpectStatus(status).Decode(&c.Session)
	if c.AccessToken == "" || c.RefreshToken == "" || c.SessionID == "" || c.User.ID == 0 || c.User.CreatedAt.IsZero() {
		c.T.Errorf("%v\nis not a complete session", response)
	}
	user.ID, user.CreatedAt = c.User.ID, c.User.CreatedAt
	response.ExpectBody(models.Session{
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
