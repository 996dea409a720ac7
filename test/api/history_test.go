package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestHistory(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "pages in every direction", Run: testPages},
		{Name: "pages while others write", Run: testPagesWhileWriting},
		{Name: "around a message", Run: testAround},
		{Name: "by time", Run: testByTime},
		{Name: "parameters that exclude each other", Run: testExclusive},
		{Name: "an empty room", Run: testEmptyHistory},
	})
}

// ids returns the ids of the messages of each page.
func ids(pages [][]models.Message) (all [][]int64) {
	for _, p := range pages {
		var page []int64
		for _, m := range p {
			page = append(page, m.ID)
		}
		all = append(all, page)
	}
	return all
}

// span returns the ids from one to another, both included.
func span(from, to int64) (list []int64) {
	for id := from; id <= to; id++ {
		list = append(list, id)
	}
	return list
}

// historyIDs returns the ids of the messages on all pages that begin with the query.
func historyIDs(c *harness.Client, roomID int64, query string) [][]int64 {
	c.T.Helper()
	return ids(harness.AllPages[models.Message](c, fmt.Sprintf("%s/messages?%s", harness.RoomPath(roomID), query)))
}

// expectPages compares the ids of the messages on all pages that begin with the query.
func expectPages(c *harness.Client, roomID int64, query string, want ...[]int64) {
	c.T.Helper()
	if got := historyIDs(c, roomID, query); fmt.Sprint(got) != fmt.Sprint(want) {
		c.T.Errorf("%s: got %v, want %v", query, got, want)
	}
}

func testPages(_ *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	for i := range 25 {
		me.SendText(room.ID, fmt.Sprint("text ", i+1))
	}
	for _, id := range []int64{3, 7, 8, 9, 10, 25} { // tombstones stay in their places, at the edges of pages too
		me.Call("DELETE", harness.MessagePath(models.Message{RoomID: room.ID, ID: id}), nil).ExpectStatus(204)
	}
	expectPages(me, room.ID, "limit=7", span(19, 25), span(12, 18), span(5, 11), span(1, 4))
	expectPages(me, room.ID, "limit=25", span(1, 25))
	expectPages(me, room.ID, "limit=5&before=26", span(21, 25), span(16, 20), span(11, 15), span(6, 10), span(1, 5))
	expectPages(me, room.ID, "limit=7&before=9", span(2, 8), span(1, 1))
	expectPages(me, room.ID, "limit=7&before=1", nil)
	expectPages(me, room.ID, "limit=7&before=9223372036854775807", span(19, 25), span(12, 18), span(5, 11), span(1, 4))
	expectPages(me, room.ID, "limit=7&before=0", nil)
	expectPages(me, room.ID, "limit=10&after=0", span(1, 10), span(11, 20), span(21, 25))
	expectPages(me, room.ID, "limit=10&around=0", span(1, 10))
	expectPages(me, room.ID, "limit=7&after=9", span(10, 16), span(17, 23), span(24, 25))
	expectPages(me, room.ID, "limit=8&after=9", span(10, 17), span(18, 25))
	expectPages(me, room.ID, "limit=7&after=25", nil)
	expectPages(me, room.ID, "limit=7&after=9223372036854775807", nil)
	expectPages(me, room.ID, "limit=10&since=2020-01-01T00:00:00Z", span(1, 10), span(11, 20), span(21, 25))

	me.Call("DELETE", harness.RoomPath(room.ID)+"/messages", nil).ExpectStatus(204)
	expectPages(me, room.ID, "limit=7", nil)
	for range 5 {
		me.SendText(room.ID, "new")
	}
	expectPages(me, room.ID, "limit=3", span(28, 30), span(26, 27))
	expectPages(me, room.ID, "limit=3&before=28", span(26, 27))
	expectPages(me, room.ID, "limit=3&before=10", nil)
	expectPages(me, room.ID, "limit=3&after=1", span(26, 28), span(29, 30))
	expectPages(me, room.ID, "limit=3&since=2020-01-01T00:00:00Z", span(26, 28), span(29, 30))
	expectPages(me, room.ID, "limit=3&until=2100-01-01T00:00:00Z", span(28, 30), span(26, 27))
	expectPages(me, room.ID, "limit=20&around=5", span(26, 30))
}

// testPagesWhileWriting checks that pages neither skip nor repeat a message when messages are sent and deleted in
// between.
func testPagesWhileWriting(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	path := harness.RoomPath(room.ID) + "/messages?limit=4"
	for range 12 {
		me.SendText(room.ID, "before")
	}
	page := func(query string) models.Page[models.Message] {
		m := me.SendText(room.ID, "between two pages")
		if m.ID%3 == 0 {
			me.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204)
		}
		return harness.Get[models.Page[models.Message]](me, path+query)
	}
	var older []int64
	for p := page(""); ; p = page("&cursor=" + p.NextCursor) {
		older = slices.Concat(ids([][]models.Message{p.Items})[0], older)
		if p.NextCursor == "" {
			break
		}
	}
	if !slices.Equal(older, span(1, 13)) {
		t.Errorf("backwards from 13: got %v", older)
	}
	// Forwards, each page finds one more message, and the last page is the one that reaches the newest message.
	var newer []int64
	for p := page("&after=2"); ; p = page("&cursor=" + p.NextCursor) {
		newer = append(newer, ids([][]models.Message{p.Items})[0]...)
		if p.NextCursor == "" {
			break
		}
	}
	if last := me.GetRoom(room.ID).LastMessageID; !slices.Equal(newer, span(3, last)) {
		t.Errorf("forwards from 3 to %d: got %v", last, newer)
	}
}

func testAround(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	for range 20 {
		me.SendText(room.ID, "text")
	}
	me.Call("DELETE", harness.MessagePath(models.Message{RoomID: room.ID, ID: 10}), nil).ExpectStatus(204)
	for _, want := range []struct {
		around, limit, from, to int64
	}{
		{10, 1, 10, 10}, {10, 5, 8, 12}, {10, 200, 1, 20}, {20, 1, 20, 20}, {1, 1, 1, 1}, {21, 5, 19, 20},
		{9223372036854775807, 4, 19, 20},
	} {
		expectPages(me, room.ID, fmt.Sprintf("around=%d&limit=%d", want.around, want.limit), span(want.from, want.to))
	}
	// At both ends of the history, the page has the message itself, and as many on both sides as exist and fit.
	for _, id := range []int64{1, 2, 19, 20} {
		page := historyIDs(me, room.ID, fmt.Sprintf("around=%d&limit=6", id))
		if len(page) != 1 || !slices.Contains(page[0], id) || len(page[0]) > 6 || len(page[0]) < 3 ||
			!slices.IsSorted(page[0]) {
			t.Errorf("around %d: got %v", id, page)
		}
	}
}

func testByTime(_ *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	var at []models.Time
	for range 8 {
		m := me.SendText(room.ID, "text")
		at = append(at, m.CreatedAt)
		harness.WaitAfter(m.CreatedAt)
	}
	timeOf := func(i int) string { return url.QueryEscape(at[i-1].Format("2006-01-02T15:04:05.000Z07:00")) }
	expectPages(me, room.ID, "limit=3&since="+timeOf(3), span(3, 5), span(6, 8))
	expectPages(me, room.ID, "limit=3&until="+timeOf(6), span(3, 5), span(1, 2))
	expectPages(me, room.ID, "limit=3&since="+timeOf(2)+"&until="+timeOf(7), span(2, 4), span(5, 6))
	expectPages(me, room.ID, "limit=3&since="+timeOf(5)+"&until="+timeOf(5), nil)
	expectPages(me, room.ID, "limit=3&since=2100-01-01T00:00:00Z", nil)
	expectPages(me, room.ID, "limit=3&until=2000-01-01T00:00:00Z", nil)
	// The same instant in other spellings, and instants that other parsers of RFC 3339 refuse.
	expectPages(me, room.ID, "limit=200&since="+strings.TrimSuffix(timeOf(3), "Z")+"000000000000-00:00", span(3, 8))
	expectPages(me, room.ID, "limit=200&since=2016-12-31T23:59:60Z", span(1, 8))
	// Small letters are valid in RFC 3339, but the contract check does not know them.
	lower := me.Send("GET", harness.RoomPath(room.ID)+"/messages?since=2016-12-31t23:59:60z", nil).ExpectStatus(200)
	var all models.Page[models.Message]
	lower.Decode(&all)
	if len(all.Items) != 8 {
		me.T.Errorf("got %v", lower)
	}
	expectPages(me, room.ID, "limit=200&since=0000-01-01T00:00:00Z", span(1, 8))
	expectPages(me, room.ID, "limit=200&since=0001-01-01T00:00:00Z", span(1, 8))
	expectPages(me, room.ID, "limit=200&until=9999-12-31T23:59:59-23:59", span(1, 8))
	for _, bad := range []string{
		"2026-03-14T9:26:50Z", "2026-03-14T09:26:50,5Z", "2026-03-14T24:00:00Z",
		"2026-03-14T09:26:50%2B24:00", "2026-03-14+09:26:50Z", "",
	} {
		me.CallInvalid("GET", harness.RoomPath(room.ID)+"/messages?since="+bad, nil).ExpectInvalid("since")
		me.CallInvalid("GET", harness.RoomPath(room.ID)+"/messages?until="+bad, nil).ExpectInvalid("until")
		me.CallInvalid("GET", "/v1/rooms?since="+bad, nil).ExpectInvalid("since")
	}
	inTokyo := at[2].In(time.FixedZone("", 9*60*60)).Format("2006-01-02T15:04:05.000Z07:00")
	expectPages(me, room.ID, "limit=200&since="+url.QueryEscape(inTokyo), span(3, 8))
	me.Call("DELETE", harness.MessagePath(models.Message{RoomID: room.ID, ID: 3}), nil).ExpectStatus(204)
	expectPages(me, room.ID, "limit=3&since="+timeOf(3), span(3, 5), span(6, 8))
}

func testExclusive(_ *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	path := harness.RoomPath(me.CreatePublicRoom().ID) + "/messages?"
	const instant = "2026-01-01T00:00:00Z"
	for _, query := range []string{
		"before=1&after=1", "before=1&around=1", "before=0&after=0", "after=0&around=0", "after=1&around=1",
		"before=1&since=" + instant, "after=1&until=" + instant,
		"around=1&since=" + instant + "&until=" + instant, "before=1&after=1&around=1&since=" + instant,
	} {
		me.Call("GET", path+query, nil).ExpectProblem(400, models.CodeInvalidRequest)
	}
}

func testEmptyHistory(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	a := me.Call("GET", harness.RoomPath(room.ID)+"/messages", nil).ExpectStatus(200)
	if strings.TrimSpace(string(a.Body)) != `{"items":[]}` || a.Header("Event-Cursor") == "" {
		t.Errorf("got %v", a)
	}
	for _, query := range []string{
		"before=1", "after=1", "around=1", "before=0", "after=0", "around=0",
		"since=2020-01-01T00:00:00Z", "until=2100-01-01T00:00:00Z",
	} {
		expectPages(me, room.ID, query, nil)
	}
}
