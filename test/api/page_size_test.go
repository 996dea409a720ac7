package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// pageEnvelope is an upper limit of the bytes that a response has around the items of a page.
const pageEnvelope = 1 << 10

// TestPagesAreBoundedInBytes fills a room with messages of the greatest length, and requests the largest pages of each
// list with messages. No response is larger than the contract says, and the pages together have each message once.
func TestPagesAreBoundedInBytes(t *testing.T) {
	harness.SkipIfShort(t)
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "texts with four bytes for each character", Run: func(t *testing.T, c *harness.Client) {
			testLargePages(t, c, strings.Repeat("😀", 5))
		}},
		{Name: "texts that JSON escapes", Run: func(t *testing.T, c *harness.Client) {
			testLargePages(t, c, "\"\\\"\\\u2028")
		}},
	})
}

func testLargePages(t *testing.T, c *harness.Client, piece string) {
	const messages = 80
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	start := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	text := "word " + strings.Repeat(piece, (models.MaxTextLength-5)/len([]rune(piece)))
	var want []int64
	for range messages {
		m := me.SendText(room.ID, text)
		me.Call("PUT", pinPath(m), nil).ExpectStatus(200)
		want = append(want, m.ID)
	}
	reactions := strings.Fields("😀 😁 😂 😃 😄 😅 😆 😇 😈 😉")
	for _, emoji := range reactions {
		me.Call("PUT", fmt.Sprintf("%s/messages/%d/reactions/%s", harness.RoomPath(room.ID), want[0], emoji), nil).
			ExpectStatus(200)
	}
	for _, list := range []string{
		"messages?", "messages?since=2020-01-01T00:00:00Z&", "messages/search?q=word&", "messages/search?prefix=word&",
	} {
		expectOnce(me, list, want, func(cursor string) (items []int64, next string) {
			page := readBoundedPage[models.Page[models.Message]](me,
				harness.RoomPath(room.ID)+"/"+list+"limit=200&cursor="+cursor)
			for _, m := range page.Items {
				items = append(items, m.ID)
			}
			return items, page.NextCursor
		})
	}
	expectOnce(me, "search everywhere", want, func(cursor string) (items []int64, next string) {
		page := readBoundedPage[models.Page[models.Message]](me, "/v1/search?q=word&limit=200&cursor="+cursor)
		for _, m := range page.Items {
			items = append(items, m.ID)
		}
		return items, page.NextCursor
	})
	expectOnce(me, "pins", want, func(cursor string) (items []int64, next string) {
		page := readBoundedPage[models.Page[models.Pin]](me, harness.RoomPath(room.ID)+"/pins?limit=200&cursor="+cursor)
		for _, p := range page.Items {
			items = append(items, p.Message.ID)
		}
		return items, page.NextCursor
	})
	around := readBoundedPage[models.Page[models.Message]](me, harness.RoomPath(room.ID)+"/messages?limit=200&around=40")
	if !slices.ContainsFunc(around.Items, func(m models.Message) bool { return m.ID == 40 }) {
		t.Errorf("around message 40: got only %v", around.Items)
	}
	created := 0
	for after := start; ; {
		a := me.Call("GET", "/v1/events/log?limit=200&after="+after, nil).ExpectStatus(200)
		if len(a.Body) > models.MaxPageBytes+pageEnvelope {
			t.Fatalf("a page of events has %d bytes", len(a.Body))
		}
		var page models.Page[models.Event]
		a.Decode(&page)
		for _, e := range page.Items {
			if e.Name == models.EventMessageCreated {
				created++
			}
		}
		if after = a.Header("Event-Cursor"); len(page.Items) == 0 {
			break
		}
	}
	if created != messages {
		t.Errorf("polling returned %d messages, want %d", created, messages)
	}
}

// expectOnce reads all pages of a list, and checks that they have each of the items once.
func expectOnce(c *harness.Client, list string, want []int64, page func(cursor string) (items []int64, next string)) {
	c.T.Helper()
	var got []int64
	for cursor := ""; ; {
		items, next := page(cursor)
		got = append(got, items...)
		if cursor = next; cursor == "" {
			break
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		c.T.Errorf("%s: got %v, want %v", list, got, want)
	}
}

// readBoundedPage reads a page, and checks that it is not larger than the limit.
func readBoundedPage[T any](c *harness.Client, path string) (page T) {
	c.T.Helper()
	a := c.Call("GET", path, nil).ExpectStatus(200).Decode(&page)
	if len(a.Body) > models.MaxPageBytes+pageEnvelope {
		c.T.Errorf("%s: the response has %d bytes", path, len(a.Body))
	}
	return page
}
