package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestEvents(t *testing.T) {
	play(t, []scenario{
		{"the first lines", testStreamHead},
		{"what Accept decides", testAccept},
		{"each change names its event", testEventIDs},
		{"a snapshot and what follows it", testSnapshot},
		{"coming back", testResume},
		{"cursors that are not known", testResyncUnknown},
		{"who hears of rooms", testRoomEvents},
		{"the cookie", testEventsCookie},
		{"too many streams", testTooManyStreams},
	})
}

// response opens the client's stream as it is, and closes it with the test.
func (c *client) response(method, query string, headers ...string) *http.Response {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, c.url+"/v1/events?"+query, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.AccessToken != "" {
		req.Header.Set("Authorization", "Bearer "+c.AccessToken)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func testStreamHead(t *testing.T, c *client) {
	me := c.newcomer("ada")
	res := me.response("GET", "")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if res.Header.Get("X-Request-Id") == "" || res.ContentLength >= 0 {
		t.Errorf("the head is %v", res.Header)
	}
	lines := bufio.NewReader(res.Body)
	first, err := lines.ReadString('\n')
	wait, ok := strings.CutPrefix(strings.TrimSuffix(first, "\n"), "retry: ")
	if ms, badNumber := strconv.Atoi(wait); err != nil || !ok || badNumber != nil || ms < 1500 || ms > 4500 {
		t.Errorf("the first line is %q, %v", first, err)
	}
	err = readEvents(lines, func(e pushed) bool {
		e.check(t)
		var ready models.Ready
		if err := e.into(&ready); err != nil || e.id == "" || ready.UserID != me.User.ID || ready.Resumed || ready.StreamID == "" || ready.ServerTime.IsZero() {
			t.Errorf("the first event is %v", e)
		}
		return false
	})
	if err != nil {
		t.Error(err)
	}
}

func testAccept(t *testing.T, c *client) {
	me := c.newcomer("ada")
	const stream, page, packed, refused = "text/event-stream", "application/json", "application/msgpack", "application/problem+json"
	for accept, want := range map[string]string{
		"": stream, "*/*": stream, "text/*": stream, "text/event-stream": stream, "text/event-stream;q=0.1": stream,
		"application/json": page, "application/*": page, "text/event-stream;q=0.5, application/json": page, "application/json, */*;q=0.1": page,
		"text/event-stream, application/json": stream, "text/html, text/event-stream;q=0": refused, "image/png": refused,
		"*/*;q=0": refused, "text/event-stream;q=0, application/json;q=0, */*": packed, "application/msgpack": packed,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			res := me.response(method, "", "Accept", accept)
			status := 200
			if want == refused {
				status = 406
			}
			if got := res.Header.Get("Content-Type"); got != want || res.StatusCode != status {
				t.Errorf("%s with Accept %q: %d %s, wanted %s", method, accept, res.StatusCode, got, want)
			}
			if method == "HEAD" {
				if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
					t.Errorf("HEAD answered %q, %v", rest, err)
				}
			}
			_ = res.Body.Close()
		}
	}
	me.wrong("GET", "/v1/events", nil, "Accept", "image/png").problem(406, models.CodeNotAcceptable)
	me.call("GET", "/v1/rooms", nil, "Accept", "text/html").problem(406, models.CodeNotAcceptable)
	me.call("GET", "/v1/rooms", nil, "Accept", "text/html, application/*;q=0.2").status(200)
	// Where there is no body, problems are all that the contract has, and all that clients made from it ask for.
	me.call("POST", "/v1/events/cookie", nil, "Accept", refused).status(204)
	me.call("POST", "/v1/events/cookie", nil, "Accept", "text/html").problem(406, models.CodeNotAcceptable)
	me.call("GET", "/v1/rooms/999999", nil, "Accept", refused).problem(404, models.CodeNotFound)
	if a := me.send("GET", "/v1/users/me", nil, "Accept", refused+", "+packed).status(200); a.header("Content-Type") != packed {
		t.Errorf("problems beside MessagePack were answered with %s", a.header("Content-Type"))
	}
}

// testEventIDs does all that changes anything, as somebody who watches: each answer's Event-Id must be the id of the
// event that tells of it, and no event may come that was not announced so.
func testEventIDs(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	s := me.open("")
	expect := func(a *answer, name models.EventName) *answer {
		t.Helper()
		if e := s.expect(name, nil); e.id == "" || e.id != a.eventID() {
			t.Errorf("%v\nnames %q, told %v", a, a.eventID(), e)
		}
		return a
	}
	var room, direct models.Room
	var m models.Message
	expect(me.call("POST", "/v1/rooms", models.NewRoom{Name: ptr("n")}).status(201).into(&room), models.EventRoomCreated)
	path := roomPath(room.ID)
	expect(me.call("PATCH", path, models.RoomChange{Name: ptr("m")}).status(200), models.EventRoomUpdated)
	expect(other.call("PUT", path+"/members/me", nil).status(200), models.EventMemberJoined)
	expect(me.call("PUT", memberPath(room.ID, other), models.RoleChange{Role: models.RoleModerator}).status(200), models.EventMemberUpdated)
	expect(other.call("POST", path+"/messages", models.NewMessage{Text: "x"}).status(201).into(&m), models.EventMessageNotification)
	expect(me.call("PUT", path+"/read", models.ReadMark{MessageID: m.ID}).status(200), models.EventMessageRead)
	expect(other.call("PATCH", messagePath(m), models.MessageEdit{Text: "y"}).status(200), models.EventMessageEdited)
	expect(other.call("DELETE", messagePath(m), nil).status(204), models.EventMessageDeleted)
	expect(me.call("POST", path+"/messages", models.NewMessage{Text: "x"}).status(201), models.EventMessageCreated)
	expect(me.call("DELETE", path+"/messages", nil).status(204), models.EventHistoryCleared)
	expect(other.call("DELETE", path+"/members/me", nil).status(204), models.EventMemberLeft)
	expect(me.call("PUT", memberPath(room.ID, other), models.RoleChange{}).status(200), models.EventMemberJoined)
	expect(me.call("DELETE", memberPath(room.ID, other), nil).status(204), models.EventMemberLeft)
	expect(me.call("PUT", banPath(room.ID, other), models.NewBan{}).status(200), models.EventMemberBanned)
	me.call("DELETE", banPath(room.ID, other), nil).status(204).quiet()
	expect(me.call("DELETE", path, nil).status(204), models.EventRoomDeleted)
	expect(me.call("PUT", directPath(other), nil).status(200).into(&direct), models.EventRoomCreated)
	target := models.TargetedMessage{Target: "@" + me.User.Username, NewMessage: models.NewMessage{Text: "x"}}
	expect(other.call("POST", "/v1/messages", target).status(201), models.EventMessageNotification)
	me.call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: ptr("A")}).status(200).quiet()
	me.call("POST", "/v1/events/cookie", nil).status(204).quiet()
}

// testSnapshot reads a room over and over while others write in it. A message that is not in an answer must be told after
// the answer's Event-Cursor.
func testSnapshot(t *testing.T, c *client) {
	me := c.newcomer("ada")
	room := me.publicRoom()
	path := roomPath(room.ID) + "/messages"
	const writers, sends = 4, 50
	var mu sync.Mutex
	told := map[int64]int64{} // message → its event's place in the log
	place := func(id string) int64 {
		at, ok := models.ParseCursor(id)
		if !ok {
			t.Errorf("not an event id: %q", id)
		}
		return at.Position
	}
	var writing, reading sync.WaitGroup
	for i := range writers {
		w := c.newcomer(fmt.Sprint("writer", i))
		w.join(room.ID)
		writing.Go(func() {
			for range sends {
				a, err := w.try(t.Context(), "POST", path, models.NewMessage{Text: "x"})
				if err != nil || a.response.StatusCode != 201 {
					t.Error(a, err)
					return
				}
				var m models.Message
				a.into(&m)
				mu.Lock()
				told[m.ID] = place(a.eventID())
				mu.Unlock()
			}
		})
	}
	type snapshot struct{ newest, cursor int64 }
	var snapshots []snapshot
	written := make(chan struct{})
	read := func() snapshot {
		list := me.send("GET", path+"?limit=1", nil)
		var page models.Page[models.Message]
		list.into(&page)
		s := snapshot{cursor: place(list.header("Event-Cursor"))}
		if len(page.Items) > 0 {
			s.newest = page.Items[0].ID
		}
		return s
	}
	for range 4 {
		reading.Go(func() {
			for {
				s := read()
				mu.Lock()
				snapshots = append(snapshots, s)
				mu.Unlock()
				select {
				case <-written:
					return
				default:
				}
			}
		})
	}
	writing.Wait()
	close(written)
	reading.Wait()
	for _, s := range snapshots {
		if next, sent := told[s.newest+1]; sent && next <= s.cursor {
			t.Errorf("an answer with the messages up to %d names the place %d, and the next message is at %d", s.newest, s.cursor, next)
		}
	}
	for _, path := range []string{
		"/v1/users/me", "/v1/users/@" + me.User.Username, "/v1/rooms", roomPath(room.ID), roomPath(room.ID) + "/members",
		roomPath(room.ID) + "/bans", roomPath(room.ID) + "/messages", roomPath(room.ID) + "/messages/1",
	} {
		cursor := me.call("GET", path, nil).status(200).header("Event-Cursor")
		a := me.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "after"}).status(201)
		if e := me.open("last_event_id="+cursor).expect(models.EventMessageCreated, nil); e.id != a.eventID() {
			t.Errorf("after %s at %s came %v, not %s", path, cursor, e, a.eventID())
		}
	}
}

func testResume(t *testing.T, c *client) {
	me := c.newcomer("ada")
	room := me.publicRoom()
	var told []string
	s := me.open("")
	start := s.lastID
	for i := range 6 {
		me.say(room.ID, fmt.Sprint("text ", i))
		told = append(told, s.expect(models.EventMessageCreated, nil).id)
	}
	resumed := func(from int, s *stream) {
		t.Helper()
		since := start
		if from > 0 {
			since = told[from-1]
		}
		if !s.ready.Resumed || s.lastID != since {
			t.Errorf("resumed from %s: %+v, at %s", since, s.ready, s.lastID)
		}
		for _, id := range told[from:] {
			if e := s.expect(models.EventMessageCreated, nil); e.id != id {
				t.Errorf("resumed from %s: %v came where %s was due", since, e, id)
			}
		}
		s.cancel()
	}
	resumed(0, me.open("", "Last-Event-ID", start))
	resumed(2, me.open("", "Last-Event-ID", told[1]))
	resumed(4, me.open("last_event_id="+told[3]))
	resumed(5, me.open("last_event_id="+told[0], "Last-Event-ID", told[4])) // the header wins
	last := me.open("", "Last-Event-ID", told[5])
	resumed(6, last)

	// Live after the replay: in one run, without a gap.
	live := me.open("", "Last-Event-ID", told[2])
	me.say(room.ID, "live")
	for want := int64(4); want <= 7; want++ {
		var m models.Message
		if e := live.expect(models.EventMessageCreated, &m); m.ID != want {
			t.Errorf("%v came where message %d was due", e, want)
		}
	}
}

func testResyncUnknown(t *testing.T, c *client) {
	me := c.newcomer("ada")
	room := me.publicRoom()
	now := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
	epoch, _, _ := strings.Cut(now, "-")
	for _, cursor := range []string{
		"x", "-", "-1", epoch, epoch + "-", epoch + "--1", epoch + "-1x", epoch + "-01", epoch + "- 1", "otherepoch-1",
		epoch + "-999999999999", epoch + "-99999999999999999999", strings.Repeat("9", 128),
	} {
		s := me.open("", "Last-Event-ID", cursor)
		if s.ready.Resumed {
			t.Errorf("%q was resumed", cursor)
		}
		var resync models.Resync
		e := s.expect(models.EventResync, &resync)
		if resync.Reason != models.ResyncUnknown || e.id == "" {
			t.Errorf("%q: %v", cursor, e)
		}
		m := me.say(room.ID, "after the resync")
		var told models.Message
		s.expect(models.EventMessageCreated, &told)
		if told.ID != m.ID {
			t.Errorf("%q: told %+v, not %+v", cursor, told, m)
		}
		s.cancel()
		if again := me.open("", "Last-Event-ID", e.id); !again.ready.Resumed {
			t.Errorf("%q: %v cannot be resumed from", cursor, e)
		} else {
			again.expect(models.EventMessageCreated, nil)
			again.cancel()
		}
		me.call("GET", "/v1/events?after="+strings.ReplaceAll(cursor, " ", "+"), nil, "Accept", "application/json").problem(410, models.CodeExpired)
	}
}

// testRoomEvents: of public rooms everybody hears, of others their members alone, and in events nothing depends on who
// reads them.
func testRoomEvents(t *testing.T, c *client) {
	me, member, bystander := c.newcomer("ada"), c.newcomer("grace"), c.newcomer("eve")
	streams := map[*client]*stream{me: me.open(""), member: member.open(""), bystander: bystander.open("")}
	private := me.privateRoom(member)
	me.call("PATCH", roomPath(private.ID), models.RoomChange{Name: ptr("other")}).status(200)
	me.say(private.ID, "hush")
	public := me.publicRoom(member)
	me.call("PATCH", roomPath(public.ID), models.RoomChange{Name: ptr("other")}).status(200)
	me.call("DELETE", roomPath(private.ID), nil).status(204)
	me.call("DELETE", roomPath(public.ID), nil).status(204)

	const privately, publicly = "private ", "public "
	want := map[*client][]string{
		me: {
			privately + "room.created", privately + "member.joined", privately + "room.updated", privately + "message.created", publicly + "room.created",
			publicly + "member.joined", publicly + "room.updated", privately + "room.deleted", publicly + "room.deleted",
		},
		member: {
			privately + "member.joined", privately + "room.updated", privately + "message.notification", publicly + "room.created",
			publicly + "member.joined", publicly + "room.updated", privately + "room.deleted", publicly + "room.deleted",
		},
		bystander: {publicly + "room.created", publicly + "room.deleted"},
	}
	for who, s := range streams {
		var got []string
		for range want[who] {
			e := s.next()
			var about struct {
				ID     int64 `json:"id"`
				RoomID int64 `json:"room_id"`
			}
			if err := e.into(&about); err != nil {
				t.Fatal(err)
			}
			name := publicly
			if about.RoomID == private.ID || about.RoomID == 0 && about.ID == private.ID {
				name = privately
			}
			got = append(got, name+e.name)
			if strings.Contains(e.data, `"membership"`) || strings.Contains(e.data, `"me"`) {
				t.Errorf("told %v", e)
			}
		}
		if !slices.Equal(got, want[who]) {
			t.Errorf("%s was told\n%q, wanted\n%q", who.User.Username, got, want[who])
		}
	}
}

func testEventsCookie(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	a := me.call("POST", "/v1/events/cookie", nil).status(204)
	k := a.cookie("parley_events")
	if k.Value == "" || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/v1/events" || k.Secure || k.Domain != "" {
		t.Errorf("the cookie is %q", k)
	}
	if !me.call("POST", "/v1/events/cookie", nil, "X-Forwarded-Proto", "https").cookie("parley_events").Secure {
		t.Error("the cookie of a page over TLS is sent without TLS too")
	}
	pair := "parley_events=" + k.Value
	s := c.open("", "Cookie", pair)
	if s.ready.UserID != me.User.ID {
		t.Errorf("the cookie opened %+v", s.ready)
	}
	c.call("GET", "/v1/events", nil, "Cookie", pair, "Accept", "application/json").status(200)
	if s := other.open("", "Cookie", pair); s.ready.UserID != other.User.ID {
		t.Errorf("beside a bearer token, the cookie opened %+v", s.ready)
	}
	refused := func(a *answer, want models.Code) { t.Helper(); a.problem(401, want) }
	refused(c.as("nonsense").call("GET", "/v1/events", nil, "Cookie", pair), models.CodeUnauthenticated)
	refused(c.as(k.Value).call("GET", "/v1/events", nil), models.CodeUnauthenticated)
	refused(c.as(k.Value).call("GET", "/v1/rooms", nil), models.CodeUnauthenticated)
	refused(c.call("GET", "/v1/rooms", nil, "Cookie", pair), models.CodeUnauthenticated)
	refused(c.call("POST", "/v1/events/cookie", nil, "Cookie", pair), models.CodeUnauthenticated)
	refused(c.call("GET", "/v1/events", nil, "Cookie", "parley_events="+me.AccessToken), models.CodeUnauthenticated)
	refused(c.call("GET", "/v1/events", nil, "Cookie", "parley_events="), models.CodeUnauthenticated)

	me.call("DELETE", "/v1/sessions/current", nil).status(204)
	s.expect(models.EventSessionRevoked, nil)
	s.end()
	refused(c.call("GET", "/v1/events", nil, "Cookie", pair), models.CodeSessionRevoked)
}

func testTooManyStreams(t *testing.T, c *client) {
	me := c.newcomer("ada")
	streams := make([]*stream, models.MaxStreamsPerUser)
	for i := range streams {
		streams[i] = me.open("")
	}
	me.send("GET", "/v1/events", nil).busy(models.BusyStreams)
	me.call("GET", "/v1/events", nil, "Accept", "application/json").status(200)
	c.newcomer("grace").open("")
	streams[7].cancel()
	eventually(t, "the place of a stream that ended is free", func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		body, err := me.tryOpen(ctx, "")
		if err != nil {
			return false
		}
		_ = body.Close()
		return true
	})
}
