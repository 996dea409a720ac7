package stream

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestPolling(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "pages equal the stream", Run: testPollPages},
		{Name: "only visible events", Run: testPollPrivacy},
		{Name: "the older form", Run: testOlderForm},
	})
}

// testPollPages checks that the pages of the log contain the same events as the stream, with every page size.
func testPollPages(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	start := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	s := me.OpenStream("last_event_id=" + start)
	var streamed []harness.Event
	for i := range 7 {
		m := me.SendText(room.ID, fmt.Sprint("text ", i))
		streamed = append(streamed, s.Next())
		if i%3 == 0 {
			me.Call("PUT", "/v1/rooms/"+fmt.Sprint(room.ID)+"/read", models.ReadMark{MessageID: m.ID}).ExpectStatus(200)
			streamed = append(streamed, s.Next())
		}
	}
	expectSame := func(query string, items []models.Event, want []harness.Event) {
		t.Helper()
		if !slices.EqualFunc(items, want, func(i models.Event, e harness.Event) bool {
			return i.ID == e.ID && string(i.Name) == e.Name && string(i.Data) == e.Data
		}) {
			t.Errorf("%s: got %v, want %v", query, items, want)
		}
	}
	for _, limit := range []int{1, 3, 5, 10, 200} {
		after, rest := start, streamed
		for len(rest) > 0 {
			query := fmt.Sprintf("limit=%d&after=%s", limit, after)
			items, cursor := me.PollEvents(query)
			n := min(limit, len(rest))
			expectSame(query, items, rest[:n])
			if t.Failed() {
				return
			}
			after, rest = items[n-1].ID, rest[n:]
			// Event-Cursor continues after the page, like the id of the last item.
			fromCursor, _ := me.PollEvents(fmt.Sprintf("limit=%d&after=%s", limit, cursor))
			expectSame(query+", next page by Event-Cursor", fromCursor, rest[:min(limit, len(rest))])
		}
		items, cursor := me.PollEvents("after=" + after)
		if len(items) != 0 || cursor == "" {
			t.Errorf("after the last event: got %v with the cursor %q, want no events and a cursor", items, cursor)
		}
	}
	all, _ := me.PollEvents("limit=200") // from the oldest event that is kept
	if fromZero, _ := me.PollEvents("limit=200&after=0"); len(fromZero) != len(all) {
		t.Errorf("got %d events after 0, want all %d", len(fromZero), len(all))
	}
	if len(all) < len(streamed) {
		t.Fatalf("without a cursor: got %v, want at least %d events", all, len(streamed))
	}
	expectSame("the newest events", all[len(all)-len(streamed):], streamed)
	last := me.SendText(room.ID, "one more")
	items, _ := me.PollEvents("after=" + streamed[len(streamed)-1].ID)
	var m models.Message
	if len(items) != 1 || (harness.Event{Data: string(items[0].Data)}).Decode(&m) != nil || m.ID != last.ID {
		t.Errorf("got %v, want one more message", items)
	}
	for _, limit := range []string{"0", "201", "-1", "x"} {
		me.CallInvalid("GET", "/v1/events/log?limit="+limit, nil).ExpectInvalid("limit")
	}
}

// testPollPrivacy checks that a former member of a private room reads only the events of their membership.
func testPollPrivacy(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("eve")
	room := me.CreatePrivateRoom()
	start := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	me.SendText(room.ID, "before they came")
	me.AddMember(room.ID, other, models.RoleMember)
	me.SendText(room.ID, "while they are here")
	me.Call("DELETE", harness.MemberPath(room.ID, other), nil).ExpectStatus(204)
	me.SendText(room.ID, "after they left")
	direct := models.TargetedMessage{
		Target: "@" + c.NewGuest("grace").User.Username, NewMessage: models.NewMessage{Text: "x"},
	}
	me.Call("POST", "/v1/messages", direct).ExpectStatus(201)

	items, cursor := other.PollEvents("after=" + start)
	if len(items) != 3 || items[0].Name != models.EventMemberJoined ||
		!strings.Contains(string(items[1].Data), "while they are here") ||
		items[2].Name != models.EventMemberLeft {
		t.Errorf("got %v, want the events of the membership", items)
	}
	if more, _ := other.PollEvents("after=" + cursor); len(more) != 0 {
		t.Errorf("got %v after the membership, want nothing", more)
	}
}

// testOlderForm polls as before polling had a route of its own. The response is the same, and names the new route.
func testOlderForm(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	for i := range 3 {
		me.SendText(room.ID, fmt.Sprint("text ", i))
	}
	for _, query := range []string{"", "?limit=2", "?after=0&limit=1"} {
		now := me.Call("GET", "/v1/events/log"+query, nil).ExpectStatus(200)
		older := me.Send("GET", "/v1/events"+query, nil, "Accept", "application/json").ExpectStatus(200)
		if !bytes.Equal(older.Body, now.Body) || older.Header("Event-Cursor") != now.Header("Event-Cursor") {
			t.Errorf("got %v, want %v", older, now)
		}
		older.ExpectDeprecated("/v1/events/log")
		if now.Header("Deprecation") != "" {
			t.Errorf("%v is deprecated", now)
		}
	}
	me.Send("GET", "/v1/events?limit=0", nil, "Accept", "application/json").ExpectInvalid("limit")
}
