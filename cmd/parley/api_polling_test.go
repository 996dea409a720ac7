package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestPolling(t *testing.T) {
	play(t, []scenario{
		{"pages", testPollPages},
		{"only what one may see", testPollPrivacy},
	})
}

// poll reads a page of the log.
func (c *client) poll(query string) (events []models.Event, cursor string) {
	c.t.Helper()
	a := c.call("GET", "/v1/events?"+query, nil, "Accept", "application/json").status(200)
	var page models.Page[models.Event]
	a.into(&page)
	return page.Items, a.header("Event-Cursor")
}

// testPollPages: the log page by page is what the stream tells event by event.
func testPollPages(t *testing.T, c *client) {
	me := c.newcomer("ada")
	room := me.publicRoom()
	start := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
	s := me.open("last_event_id=" + start)
	var told []pushed
	for i := range 7 {
		m := me.say(room.ID, fmt.Sprint("text ", i))
		told = append(told, s.next())
		if i%3 == 0 {
			me.call("PUT", "/v1/rooms/"+fmt.Sprint(room.ID)+"/read", models.ReadMark{MessageID: m.ID}).status(200)
			told = append(told, s.next())
		}
	}
	same := func(query string, items []models.Event, want []pushed) {
		t.Helper()
		if !slices.EqualFunc(items, want, func(i models.Event, e pushed) bool {
			return i.ID == e.id && string(i.Name) == e.name && string(i.Data) == e.data
		}) {
			t.Errorf("%s: %v, wanted %v", query, items, want)
		}
	}
	for _, limit := range []int{1, 3, 5, 10, 200} {
		after, rest := start, told
		for len(rest) > 0 {
			query := fmt.Sprintf("limit=%d&after=%s", limit, after)
			items, cursor := me.poll(query)
			n := min(limit, len(rest))
			same(query, items, rest[:n])
			if t.Failed() {
				return
			}
			after, rest = items[n-1].ID, rest[n:]
			// The cursor goes on from the page as the last item does.
			fromCursor, _ := me.poll(fmt.Sprintf("limit=%d&after=%s", limit, cursor))
			same(query+" by its cursor", fromCursor, rest[:min(limit, len(rest))])
		}
		items, cursor := me.poll("after=" + after)
		if len(items) != 0 || cursor == "" {
			t.Errorf("after the last: %v, at %q", items, cursor)
		}
	}
	all, _ := me.poll("limit=200") // from the oldest that is kept
	if from0, _ := me.poll("limit=200&after=0"); len(from0) != len(all) {
		t.Errorf("from 0 there are %d events, and %d in all", len(from0), len(all))
	}
	if len(all) < len(told) {
		t.Fatalf("from the oldest on: %v", all)
	}
	same("the last of all", all[len(all)-len(told):], told)
	last := me.say(room.ID, "and then")
	items, _ := me.poll("after=" + told[len(told)-1].id)
	var m models.Message
	if len(items) != 1 || (pushed{data: string(items[0].Data)}).into(&m) != nil || m.ID != last.ID {
		t.Errorf("then came %v", items)
	}
	for _, limit := range []string{"0", "201", "-1", "x"} {
		me.wrong("GET", "/v1/events?limit="+limit, nil, "Accept", "application/json").invalid("limit")
	}
}

func testPollPrivacy(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("eve")
	room := me.privateRoom()
	start := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
	me.say(room.ID, "before they came")
	me.add(room.ID, other, models.RoleMember)
	me.say(room.ID, "while they are here")
	me.call("DELETE", memberPath(room.ID, other), nil).status(204)
	me.say(room.ID, "after they left")
	me.call("POST", "/v1/messages", models.TargetedMessage{Target: "@" + c.newcomer("grace").User.Username, NewMessage: models.NewMessage{Text: "x"}}).status(201)

	items, cursor := other.poll("after=" + start)
	if len(items) != 3 || items[0].Name != models.EventMemberJoined || !strings.Contains(string(items[1].Data), "while they are here") ||
		items[2].Name != models.EventMemberLeft {
		t.Errorf("they may see %v", items)
	}
	if more, _ := other.poll("after=" + cursor); len(more) != 0 {
		t.Errorf("and then %v", more)
	}
}
