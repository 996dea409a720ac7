package harness

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// Scenario is one behaviour of Parley as a client sees it. It runs as a subtest.
type Scenario struct {
	Name string
	Run  func(t *testing.T, c *Client)
}

// RunScenarios runs the scenarios one after the other, on one server for each database. They use unique usernames and
// handles, so that the data of one does not affect the next. The presence room limit is 0: only contacts get
// user.online and user.offline, which would otherwise arrive in between other events.
func RunScenarios(t *testing.T, scenarios []Scenario, flags ...string) {
	t.Helper()
	OnEachDatabase(t, func(t *testing.T, database string) { runScenariosOn(t, scenarios, database, flags...) })
}

func runScenariosOn(t *testing.T, scenarios []Scenario, database string, flags ...string) {
	t.Helper()
	s := StartServer(t, database, append([]string{"--presence-room-limit", "0"}, flags...)...)
	for _, scenario := range scenarios {
		t.Run(scenario.Name, func(t *testing.T) { scenario.Run(t, NewClient(t, s.URL)) })
	}
}

// Get reads the object at path.
func Get[T any](c *Client, path string) (v T) {
	c.T.Helper()
	c.Call("GET", path, nil).ExpectStatus(200).Decode(&v)
	return v
}

// AllPages reads all pages of a list. The path must end in a query, to which the cursor is appended.
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

// EventID returns the id of the event that the request caused, "" for none.
func (r *Response) EventID() string { return r.Header("Event-Id") }

// ExpectNoEvent expects the response to have no Event-Id: the request caused no event.
func (r *Response) ExpectNoEvent() *Response {
	r.T.Helper()
	if id := r.EventID(); id != "" {
		r.T.Errorf("%v\nhas Event-Id %s, want none", r, id)
	}
	return r
}

// Without returns the response's JSON object without the fields.
func (r *Response) Without(fields ...string) string {
	r.T.Helper()
	var object map[string]json.RawMessage
	r.Decode(&object)
	for _, f := range fields {
		delete(object, f)
	}
	rest, err := json.Marshal(object)
	if err != nil {
		r.T.Fatal(err)
	}
	return string(rest)
}

// ExpectInvalid expects the problem invalid_request with an error for the field.
func (r *Response) ExpectInvalid(field string) {
	r.T.Helper()
	p := r.ExpectProblem(400, models.CodeInvalidRequest)
	for _, e := range p.Errors {
		if e.Field == field {
			return
		}
	}
	r.T.Errorf("%v\nhas no error for the field %q", r, field)
}

// Eventually polls until condition returns true, and fails the test after Timeout. It is for conditions that no event
// announces.
func Eventually(t testing.TB, description string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Timeout); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("timeout: %s", description)
		}
	}
}

// WaitAfter waits until the clock is at least a millisecond after t, and returns the current time.
func WaitAfter(t models.Time) models.Time {
	for {
		if now := models.Now(); now.After(t.Time) {
			return now
		}
	}
}
