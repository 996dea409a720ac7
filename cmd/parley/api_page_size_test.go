package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// pageEnvelope is more than an answer has around the items of a page, in bytes.
const pageEnvelope = 1 << 10

// TestPagesAreBoundedInBytes fills a room with the longest texts there are and asks for the largest pages of every list that
// has messages. No answer is larger than the contract says, and together the pages hold each message once.
func TestPagesAreBoundedInBytes(t *testing.T) {
	long(t)
	play(t, []scenario{
		{"texts of four bytes a character", func(t *testing.T, c *client) { testLargePages(t, c, strings.Repeat("😀", 5)) }},
		{"texts that JSON escapes", func(t *testing.T, c *client) { testLargePages(t, c, "\"\\\"\\\u2028") }},
	})
}

func testLargePages(t *testing.T, c *client, piece string) {
	const messages = 80
	me := c.newcomer("ada")
	room := me.publicRoom()
	start := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
	text := "word " + strings.Repeat(piece, (models.MaxTextLength-5)/len([]rune(piece)))
	var want []int64
	for range messages {
		m := me.say(room.ID, text)
		me.call("PUT", pinPath(m), nil).status(200)
		want = append(want, m.ID)
	}
	reactions := strings.Fields("😀 😁 😂 😃 😄 😅 😆 😇 😈 😉")
	for _, emoji := range reactions {
		me.call("PUT", fmt.Sprintf("%s/messages/%d/reactions/%s", roomPath(room.ID), want[0], emoji), nil).status(200)
	}
	for _, list := range []string{"messages?", "messages?since=2020-01-01T00:00:00Z&", "messages/search?q=word&", "messages/search?prefix=word&"} {
		me.wantOnce(list, want, func(cursor string) (items []int64, next string) {
			page := sized[models.Page[models.Message]](me, roomPath(room.ID)+"/"+list+"limit=200&cursor="+cursor)
			for _, m := range page.Items {
				items = append(items, m.ID)
			}
			return items, page.NextCursor
		})
	}
	me.wantOnce("search everywhere", want, func(cursor string) (items []int64, next string) {
		page := sized[models.Page[models.Message]](me, "/v1/search?q=word&limit=200&cursor="+cursor)
		for _, m := range page.Items {
			items = append(items, m.ID)
		}
		return items, page.NextCursor
	})
	me.wantOnce("pins", want, func(cursor string) (items []int64, next string) {
		page := sized[models.Page[models.Pin]](me, roomPath(room.ID)+"/pins?limit=200&cursor="+cursor)
		for _, p := range page.Items {
			items = append(items, p.Message.ID)
		}
		return items, page.NextCursor
	})
	around := sized[models.Page[models.Message]](me, roomPath(room.ID)+"/messages?limit=200&around=40")
	if !slices.ContainsFunc(around.Items, func(m models.Message) bool { return m.ID == 40 }) {
		t.Errorf("around 40 there are only %v", around.Items)
	}
	created := 0
	for after := start; ; {
		a := me.call("GET", "/v1/events?limit=200&after="+after, nil, "Accept", "application/json").status(200)
		if len(a.body) > models.MaxPageBytes+pageEnvelope {
			t.Fatalf("a page of events has %d bytes", len(a.body))
		}
		var page models.Page[models.Event]
		a.into(&page)
		for _, e := range page.Items {
			if e.Name == models.EventMessageCreated {
				created++
			}
		}
		if after = a.header("Event-Cursor"); len(page.Items) == 0 {
			break
		}
	}
	if created != messages {
		t.Errorf("%d of %d messages were polled", created, messages)
	}
}

// wantOnce walks through a list and wants each of the items in it once.
func (c *client) wantOnce(list string, want []int64, page func(cursor string) (items []int64, next string)) {
	c.t.Helper()
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
		c.t.Errorf("%s: got %v", list, got)
	}
}

// sized is get of a page that is within the limit.
func sized[T any](c *client, path string) (page T) {
	c.t.Helper()
	a := c.call("GET", path, nil).status(200).into(&page)
	if len(a.body) > models.MaxPageBytes+pageEnvelope {
		c.t.Errorf("%s: the answer has %d bytes", path, len(a.body))
	}
	return page
}
