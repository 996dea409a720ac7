package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// listSize is the number of items that a list has during the whole time in which it is read.
const listSize = 6

// listCase is a list whose items move while it is read.
type listCase struct {
	name string // the route, and what is special about the case
	fill func(c *harness.Client) *movingList
}

// route returns the route of the case's name.
func (l listCase) route() string {
	route, _, _ := strings.Cut(l.name, ",")
	return route
}

// movingList is a filled list.
type movingList struct {
	by    *harness.Client
	path  string         // with a query that ends in & or ?
	want  []string       // the ids of the items that are listed exactly once, as listedID returns them
	moves map[string]any // func(), or func(i int) for one of the items
}

// TestListsWhileItemsMove reads each list of the contract in small pages. Between two pages, items move: among those
// that were read, those that were not, and those at the edge. An item that matches during the whole time is listed
// exactly once, and no item twice.
func TestListsWhileItemsMove(t *testing.T) {
	harness.SkipIfShort(t)
	var scenarios []harness.Scenario
	for _, l := range movingLists {
		scenarios = append(scenarios, harness.Scenario{Name: l.name, Run: func(t *testing.T, c *harness.Client) {
			filled := l.fill(c)
			for name := range filled.moves {
				if filled == nil {
					filled = l.fill(c)
				}
				readMoving(t, filled, name)
				filled = nil
			}
		}})
	}
	harness.RunScenarios(t, scenarios, "--rate-limit", "off")
}

// readMoving reads a list in small pages, with a change after each of the first ones.
func readMoving(t *testing.T, l *movingList, name string) {
	t.Helper()
	move := func() {
		switch f := l.moves[name].(type) {
		case func():
			f()
		case func(int):
			for _, i := range []int{0, listSize - 1, listSize / 2} {
				f(i)
			}
		}
	}
	seen := map[string]int{}
	next, pages := "", 0
	for ; pages == 0 || next != ""; pages++ {
		if pages > 10*listSize {
			t.Fatalf("%s: %s has no last page", name, l.path)
		}
		var page models.Page[map[string]any]
		l.by.Call("GET", fmt.Sprintf("%slimit=%d%s", l.path, 1+pages%2, next), nil).ExpectStatus(200).Decode(&page)
		for _, item := range page.Items {
			seen[listedID(item)]++
		}
		next = ""
		if page.NextCursor != "" {
			next = "&cursor=" + url.QueryEscape(page.NextCursor)
		}
		if pages < 4 {
			move()
		}
	}
	if pages < 3 {
		t.Errorf("%s: %s had only %d pages, so that nothing could move in between", name, l.path, pages)
	}
	for _, id := range l.want {
		if seen[id] != 1 {
			t.Errorf("%s: %s: got %s %d times, want once", name, l.path, id, seen[id])
		}
	}
	for id, n := range seen {
		if n > 1 && !slices.Contains(l.want, id) {
			t.Errorf("%s: %s: got %s %d times", name, l.path, id, n)
		}
	}
}

// listedID returns what identifies an item in its list.
func listedID(item map[string]any) string {
	for _, inner := range []string{"user", "message"} {
		if of, ok := item[inner].(map[string]any); ok {
			return listedID(of)
		}
	}
	if code, ok := item["code"]; ok {
		return fmt.Sprint(code)
	}
	if room, ok := item["room_id"]; ok {
		return listed(int64(item["id"].(float64)), int64(room.(float64)))
	}
	if id, ok := item["id"].(float64); ok {
		return listed(int64(id))
	}
	return fmt.Sprint(item["id"])
}

// listed returns the identity of an item with these ids.
func listed(ids ...int64) string { return fmt.Sprint(ids) }

// TestEveryListHasMovingCase compares movingLists with the contract: each operation that returns pages has a case.
func TestEveryListHasMovingCase(t *testing.T) {
	t.Parallel()
	cases := map[string]bool{}
	for path, item := range harness.Document().Paths.Map() {
		if path == "/v1/events" {
			continue // the older form of GET /v1/events/log
		}
		for method, operation := range item.Operations() {
			if schema := responseSchema(operation); schema != nil && schema.Properties["items"] != nil &&
				schema.Properties["next_cursor"] != nil {
				cases[method+" "+path] = true
			}
		}
	}
	covered := map[string]bool{}
	for _, l := range movingLists {
		covered[l.route()] = true
		if !cases[l.route()] {
			t.Errorf("%s has a case, but is not a list of the contract", l.route())
		}
	}
	for route := range cases {
		if !covered[route] {
			t.Errorf("%s has no case", route)
		}
	}
}

// responseSchema returns the schema of an operation's successful JSON response.
func responseSchema(operation *openapi3.Operation) *openapi3.Schema {
	if ok := operation.Responses.Value("200"); ok != nil && ok.Value.Content["application/json"] != nil {
		return ok.Value.Content["application/json"].Schema.Value
	}
	return nil
}

// TestForeignCursorsAreRefused sends each list the cursors of others and broken ones: each is an invalid request, and
// not a list or a server error.
func TestForeignCursorsAreRefused(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "each list", Run: func(t *testing.T, c *harness.Client) {
		cursors := map[string]string{}
		lists := map[string]*movingList{}
		for _, l := range movingLists {
			filled := l.fill(c)
			if l.route() != "GET /v1/events/log" { // its cursors are ids of events: one that is unknown is expired
				lists[l.name] = filled
			}
			cursors[l.name] = harness.Get[models.Page[json.RawMessage]](filled.by, filled.path+"limit=2").NextCursor
		}
		for name, l := range lists {
			own := cursors[name]
			wrong := []string{"x", "MTox", "AQE", strings.Repeat("A", 400), own[1:], own[:len(own)-1], own + "A"}
			for of, cursor := range cursors {
				if cursor != "" && strings.Split(of, ",")[0] != strings.Split(name, ",")[0] {
					wrong = append(wrong, cursor)
				}
			}
			for _, cursor := range wrong {
				p := l.by.Call("GET", l.path+"cursor="+url.QueryEscape(cursor), nil).ExpectProblem(400, models.CodeInvalidRequest)
				if len(p.Errors) != 1 || p.Errors[0].Field != "cursor" {
					t.Errorf("%s with the cursor %q: %+v", name, cursor, p)
				}
			}
		}
	}}}, "--rate-limit", "off")
}
