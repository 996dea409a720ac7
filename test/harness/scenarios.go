package harness

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// Scenario is one behaviour of Parley, seen by a client.
type Scenario struct {
	Name string
	Play func(t *testing.T, c *Client)
}

// RunScenarios runs the scenarios one after the other, on one server for each database. Their names are unique, so that
// what one leaves behind does not disturb the next. Only contacts are told who is online: it would come in between of
// other events.
func RunScenarios(t *testing.T, scenarios []Scenario, flags ...string) {
	t.Helper()
	OnEachDatabase(t, func(t *testing.T, database string) { runScenariosOn(t, scenarios, database, flags...) })
}

func runScenariosOn(t *testing.T, scenarios []Scenario, database string, flags ...string) {
	t.Helper()
	s := StartServer(t, database, append([]string{"--presence-room-limit", "0"}, flags...)...)
	for _, sc := range scenarios {
		t.Run(sc.Name, func(t *testing.T) { sc.Play(t, NewClient(t, s.URL)) })
	}
}

// Get reads the object at path.
func Get[T any](c *Client, path string) (v T) {
	c.T.Helper()
	c.Call("GET", path, nil).ExpectStatus(200).Decode(&v)
	return v
}

// AllPages reads all pages of a list whose path ends in a query.
func AllPages[T any](c *Client, path string) (pages [][]T) {
	c.T.Helper()
	for cursor := ""; ; {
		page := Get[models.Page[T]](c, path+"&cursor="+cursor)
		pages = append(pages, page.Items)
		if cursor = page.NextCursor; cursor == "" {
			return pages
		}
	}
}

// EventID is the id of the event that the request made, "" for none.
func (a *Response) EventID() string { return a.Header("Event-Id") }

// ExpectNoEvent expects the response to name no event: the request changed nothing.
func (a *Response) ExpectNoEvent() *Response {
	a.T.Helper()
	if id := a.EventID(); id != "" {
		a.T.Errorf("%v\nnames the event %s, though it changed nothing", a, id)
	}
	return a
}

// Without returns the response's JSON object without some of its fields.
func (a *Response) Without(fields ...string) string {
	a.T.Helper()
	var object map[string]json.RawMessage
	a.Decode(&object)
	for _, f := range fields {
		delete(object, f)
	}
	rest, err := json.Marshal(object)
	if err != nil {
		a.T.Fatal(err)
	}
	return string(rest)
}

// ExpectInvalid expects the problem invalid_request about the field.
func (a *Response) ExpectInvalid(field string) {
	a.T.Helper()
	p := a.ExpectProblem(400, models.CodeInvalidRequest)
	for _, e := range p.Errors {
		if e.Field == field {
			return
		}
	}
	a.T.Errorf("%v\ndoes not name %q", a, field)
}

// Eventually waits until isSo returns true. It is for what only time brings about, and no event announces.
func Eventually(t testing.TB, what string, isSo func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Timeout); !isSo(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("this did not come to be: %s", what)
		}
	}
}

// WaitAfter waits until the clock shows a later millisecond than t did.
func WaitAfter(t models.Time) models.Time {
	for {
		if now := models.Now(); now.After(t.Time) {
			return now
		}
	}
}
