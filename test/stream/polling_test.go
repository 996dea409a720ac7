package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestPolling(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "pages", Play: testPollPages},
		{Name: "only what one may see", Play: testPollPrivacy},
	})
}

// testPollPages: the log page by page is what the stream tells event by event.
func testPollPages(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	start := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	s := me.OpenStream("last_event_id=" + start)
	var told []harness.Event
	for i := range 7 {
		m := me.SendText(room.ID, fmt.Sprint("text ", i))
		told = append(told, s.Next())
		if i%3 == 0 {
			me.Call("PUT", "/v1/rooms/"+fmt.Sprint(room.ID)+"/read", models.ReadMark{MessageID: m.ID}).ExpectStatus(200)
			told = append(told, s.Next())
		}
	}
	same := func(query string, items []models.Event, want []harness.Event) {
		t.Helper()
		if !slices.EqualFunc(items, want, func(i models.Event, e harness.Event) bool {
			return i.ID == e.ID && string(i.Name) == e.Name && string(i.Data) == e.Data
		}) {
			t.Errorf("%s: %v, wanted %v", query, items, want)
		}
	}
	for _, limit := range []int{1, 3, 5, 10, 200} {
		after, rest := start, told
		for len(rest) > 0 {
			query := fmt.Sprintf("limit=%d&after=%s", limit, after)
			items, cursor := me.PollEvents(query)
			n := min(limit, len(rest))
			same(query, items, rest[:n])
			if t.Failed() {
				return
			}
			after, rest = items[n-1].ID, rest[n:]
			// The cursor goes on from the page as the last item does.
			fromCursor, _ := me.PollEvents(fmt.Sprintf("limit=%d&after=%s", limit, cursor))
			same(query+" by its cursor", fromCursor, rest[:min(limit, len(rest))])
		}
		items, cursor := me.PollEvents("after=" + after)
		if len(items) != 0 || cursor == "" {
			t.Errorf("after the last: %v, at %q", items, cursor)
		}
	}
	all, _ := me.PollEvents("limit=200") // from the oldest that is kept
	if from0, _ := me.PollEvents("limit=200&after=0"); len(from0) != len(all) {
		t.Errorf("from 0 there are %d events, and %d in all", len(from0), len(all))
	}
	if len(all) < len(told) {
		t.Fatalf("from the oldest on: %v", all)
	}
	same("the last of all", all[len(all)-len(told):], told)
	last := me.SendText(room.ID, "and then")
	items, _ := me.PollEvents("after=" + told[len(told)-1].ID)
	var m models.Message
	if len(items) != 1 || (harness.Event{Data: string(items[0].Data)}).Decode(&m) != nil || m.ID != last.ID {
		t.Errorf("then came %v", items)
	}
	for _, limit := range []string{"0", "201", "-1", "x"} {
		me.CallInvalid("GET", "/v1/events?limit="+limit, nil, "Accept", "application/json").ExpectInvalid("limit")
	}
}

func testPollPrivacy(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("eve")
	room := me.CreatePrivateRoom()
	start := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	me.SendText(room.ID, "before they came")
	me.AddMember(room.ID, other, models.RoleMember)
	me.SendText(room.ID, "while they are here")
	me.Call("DELETE", harness.MemberPath(room.ID, other), nil).ExpectStatus(204)
	me.SendText(room.ID, "after they left")
	me.Call("POST", "/v1/messages", models.TargetedMessage{Target: "@" + c.NewGuest("grace").User.Username, NewMessage: models.NewMessage{Text: "x"}}).ExpectStatus(201)

	items, cursor := other.PollEvents("after=" + start)
	if len(items) != 3 || items[0].Name != models.EventMemberJoined || !strings.Contains(string(items[1].Data), "while they are here") ||
		items[2].Name != models.EventMemberLeft {
		t.Errorf("they may see %v", items)
	}
	if more, _ := other.PollEvents("after=" + cursor); len(more) != 0 {
		t.Errorf("and then %v", more)
	}
}
