package stream

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
	"github.com/parley-chat/parley/test/harness"
)

func TestEvents(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "the head and the first event", Run: testStreamHead},
		{Name: "Accept selects the representation", Run: testAccept},
		{Name: "Event-Id of each change", Run: testEventIDs},
		{Name: "Event-Cursor of a snapshot", Run: testSnapshotCursor},
		{Name: "resuming a stream", Run: testResume},
		{Name: "resync for unknown cursors", Run: testResyncUnknown},
		{Name: "recipients of room events", Run: testRoomEvents},
		{Name: "events cookie", Run: testEventsCookie},
		{Name: "too many streams", Run: testTooManyStreams},
	})
}

func testStreamHead(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	res := me.OpenResponse("GET", "")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if res.Header.Get("X-Request-Id") == "" || res.ContentLength >= 0 {
		t.Errorf("the response headers are %v", res.Header)
	}
	lines := bufio.NewReader(res.Body)
	first, err := lines.ReadString('\n')
	retry, ok := strings.CutPrefix(strings.TrimSuffix(first, "\n"), "retry: ")
	if ms, badNumber := strconv.Atoi(retry); err != nil || !ok || badNumber != nil || ms < 1500 || ms > 4500 {
		t.Errorf("the first line is %q, %v", first, err)
	}
	err = harness.ReadEvents(lines, func(e harness.Event) bool {
		e.CheckContract(t)
		var ready models.Ready
		err := e.Decode(&ready)
		if err != nil || e.ID == "" || ready.UserID != me.User.ID || ready.Resumed || ready.StreamID == "" ||
			ready.ServerTime.IsZero() {
			t.Errorf("the first event is %v", e)
		}
		return false
	})
	if err != nil {
		t.Error(err)
	}
}

func testAccept(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	const stream, page = "text/event-stream", "application/json"
	const messagePack, refused = "application/msgpack", "application/problem+json"
	for accept, want := range map[string]string{
		"": stream, "*/*": stream, "text/*": stream, "text/event-stream": stream, "text/event-stream;q=0.1": stream,
		"application/json": page, "application/*": page, "text/event-stream;q=0.5, application/json": page,
		"application/json, */*;q=0.1":         page,
		"text/event-stream, application/json": stream, "text/html, text/event-stream;q=0": refused, "image/png": refused,
		"*/*;q=0": refused, "text/event-stream;q=0, application/json;q=0, */*": messagePack,
		"application/msgpack": messagePack,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			res := me.OpenResponse(method, "", "Accept", accept)
			status := 200
			if want == refused {
				status = 406
			}
			if got := res.Header.Get("Content-Type"); got != want || res.StatusCode != status {
				t.Errorf("%s with Accept %q: %d %s, want %s", method, accept, res.StatusCode, got, want)
			}
			if method == "HEAD" {
				if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
					t.Errorf("HEAD has the body %q, %v", rest, err)
				}
			}
			_ = res.Body.Close()
		}
	}
	me.CallInvalid("GET", "/v1/events", nil, "Accept", "image/png").ExpectProblem(406, models.CodeNotAcceptable)
	me.Call("GET", "/v1/rooms", nil, "Accept", "text/html").ExpectProblem(406, models.CodeNotAcceptable)
	me.Call("GET", "/v1/rooms", nil, "Accept", "text/html, application/*;q=0.2").ExpectStatus(200)
	// The contract has no body for this operation except problems, so generated clients accept nothing else.
	me.Call("POST", "/v1/events/cookie", nil, "Accept", refused).ExpectStatus(204)
	me.Call("POST", "/v1/events/cookie", nil, "Accept", "text/html").ExpectProblem(406, models.CodeNotAcceptable)
	me.Call("GET", "/v1/rooms/999999", nil, "Accept", refused).ExpectProblem(404, models.CodeNotFound)
	a := me.Send("GET", "/v1/users/me", nil, "Accept", refused+", "+messagePack).ExpectStatus(200)
	if got := a.Header("Content-Type"); got != messagePack {
		t.Errorf("with problem+json and MessagePack in Accept, the response has Content-Type %s", got)
	}
}

// testEventIDs makes all kinds of changes while a stream is open. The Event-Id of each response must be the id of the
// event that reports the change, and no other event may arrive.
func testEventIDs(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	s := me.OpenStream("")
	expect := func(a *harness.Response, name models.EventName) *harness.Response {
		t.Helper()
		if e := s.Expect(name, nil); e.ID == "" || e.ID != a.EventID() {
			t.Errorf("%v\nhas Event-Id %q, the event is %v", a, a.EventID(), e)
		}
		return a
	}
	var room, direct models.Room
	var m models.Message
	expect(me.Call("POST", "/v1/rooms", models.NewRoom{Name: harness.Ptr("n")}).ExpectStatus(201).Decode(&room),
		models.EventRoomCreated)
	path := harness.RoomPath(room.ID)
	expect(me.Call("PATCH", path, models.RoomChange{Name: harness.Ptr("m")}).ExpectStatus(200), models.EventRoomUpdated)
	expect(other.Call("PUT", path+"/members/me", nil).ExpectStatus(200), models.EventMemberJoined)
	moderator := models.RoleChange{Role: models.RoleModerator}
	expect(me.Call("PUT", harness.MemberPath(room.ID, other), moderator).ExpectStatus(200), models.EventMemberUpdated)
	expect(other.Call("POST", path+"/messages", models.NewMessage{Text: "x"}).ExpectStatus(201).Decode(&m),
		models.EventMessageNotification)
	expect(me.Call("PUT", path+"/read", models.ReadMark{MessageID: m.ID}).ExpectStatus(200), models.EventMessageRead)
	expect(other.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "y"}).ExpectStatus(200),
		models.EventMessageEdited)
	expect(other.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204), models.EventMessageDeleted)
	expect(me.Call("POST", path+"/messages", models.NewMessage{Text: "x"}).ExpectStatus(201), models.EventMessageCreated)
	expect(me.Call("DELETE", path+"/messages", nil).ExpectStatus(204), models.EventHistoryCleared)
	expect(other.Call("DELETE", path+"/members/me", nil).ExpectStatus(204), models.EventMemberLeft)
	expect(me.Call("PUT", harness.MemberPath(room.ID, other), models.RoleChange{}).ExpectStatus(200),
		models.EventMemberJoined)
	expect(me.Call("DELETE", harness.MemberPath(room.ID, other), nil).ExpectStatus(204), models.EventMemberLeft)
	expect(me.Call("PUT", harness.BanPath(room.ID, other), models.NewBan{}).ExpectStatus(200), models.EventMemberBanned)
	me.Call("DELETE", harness.BanPath(room.ID, other), nil).ExpectStatus(204).ExpectNoEvent()
	expect(me.Call("DELETE", path, nil).ExpectStatus(204), models.EventRoomDeleted)
	expect(me.Call("PUT", harness.DirectPath(other), nil).ExpectStatus(200).Decode(&direct), models.EventRoomCreated)
	target := models.TargetedMessage{Target: "@" + me.User.Username, NewMessage: models.NewMessage{Text: "x"}}
	expect(other.Call("POST", "/v1/messages", target).ExpectStatus(201), models.EventMessageNotification)
	me.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: harness.Ptr("A")}).ExpectStatus(200).ExpectNoEvent()
	me.Call("POST", "/v1/events/cookie", nil).ExpectStatus(204).ExpectNoEvent()
}

// testSnapshotCursor reads a room repeatedly while other users write to it. A message that a response does not contain
// must have an event after the response's Event-Cursor.
func testSnapshotCursor(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	path := harness.RoomPath(room.ID) + "/messages"
	const writers, sends = 4, 50
	var mu sync.Mutex
	positions := map[int64]int64{} // message id → position of its event in the log
	position := func(id string) int64 {
		cursor, ok := models.ParseCursor(id)
		if !ok {
			t.Errorf("not an event id: %q", id)
		}
		return cursor.Position
	}
	var writing, reading sync.WaitGroup
	for i := range writers {
		writer := c.NewGuest(fmt.Sprint("writer", i))
		writer.JoinRoom(room.ID)
		writing.Go(func() {
			for range sends {
				a, err := writer.TryCall(t.Context(), "POST", path, models.NewMessage{Text: "x"})
				if err != nil || a.HTTP.StatusCode != 201 {
					t.Error(a, err)
					return
				}
				var m models.Message
				a.Decode(&m)
				mu.Lock()
				positions[m.ID] = position(a.EventID())
				mu.Unlock()
			}
		})
	}
	type snapshot struct{ newest, cursor int64 }
	var snapshots []snapshot
	written := make(chan struct{})
	read := func() snapshot {
		list := me.Send("GET", path+"?limit=1", nil)
		var page models.Page[models.Message]
		list.Decode(&page)
		s := snapshot{cursor: position(list.Header("Event-Cursor"))}
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
		if next, sent := positions[s.newest+1]; sent && next <= s.cursor {
			t.Errorf("a response with the messages up to %d has the cursor %d, but the next message is at %d",
				s.newest, s.cursor, next)
		}
	}
	for _, path := range []string{
		"/v1/users/me", "/v1/users/@" + me.User.Username, "/v1/rooms", harness.RoomPath(room.ID),
		harness.RoomPath(room.ID) + "/members", harness.RoomPath(room.ID) + "/bans",
		harness.RoomPath(room.ID) + "/messages", harness.RoomPath(room.ID) + "/messages/1",
	} {
		cursor := me.Call("GET", path, nil).ExpectStatus(200).Header("Event-Cursor")
		a := me.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "after"}).ExpectStatus(201)
		if e := me.OpenStream("last_event_id="+cursor).Expect(models.EventMessageCreated, nil); e.ID != a.EventID() {
			t.Errorf("after the cursor %s of %s: got %v, want %s", cursor, path, e, a.EventID())
		}
	}
}

func testResume(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	var sent []string // event ids
	s := me.OpenStream("")
	start := s.LastID
	for i := range 6 {
		me.SendText(room.ID, fmt.Sprint("text ", i))
		sent = append(sent, s.Expect(models.EventMessageCreated, nil).ID)
	}
	expectResumed := func(from int, s *harness.Stream) {
		t.Helper()
		since := start
		if from > 0 {
			since = sent[from-1]
		}
		if !s.Ready.Resumed || s.LastID != since {
			t.Errorf("resumed from %s: the first event is %+v with the id %s", since, s.Ready, s.LastID)
		}
		for _, id := range sent[from:] {
			if e := s.Expect(models.EventMessageCreated, nil); e.ID != id {
				t.Errorf("resumed from %s: got %v, want %s", since, e, id)
			}
		}
		s.Cancel()
	}
	expectResumed(0, me.OpenStream("", "Last-Event-ID", start))
	expectResumed(2, me.OpenStream("", "Last-Event-ID", sent[1]))
	expectResumed(4, me.OpenStream("last_event_id="+sent[3]))
	expectResumed(5, me.OpenStream("last_event_id="+sent[0], "Last-Event-ID", sent[4])) // the header wins
	last := me.OpenStream("", "Last-Event-ID", sent[5])
	expectResumed(6, last)

	// After the replay the stream is attached, without a gap in between.
	attached := me.OpenStream("", "Last-Event-ID", sent[2])
	me.SendText(room.ID, "after the replay")
	for want := int64(4); want <= 7; want++ {
		var m models.Message
		if e := attached.Expect(models.EventMessageCreated, &m); m.ID != want {
			t.Errorf("got %v, want message %d", e, want)
		}
	}
}

func testResyncUnknown(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	now := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	epoch, _, _ := strings.Cut(now, "-")
	for _, cursor := range []string{
		"x", "-", "-1", epoch, epoch + "-", epoch + "--1", epoch + "-1x", epoch + "-01", epoch + "- 1", "otherepoch-1",
		epoch + "-999999999999", epoch + "-99999999999999999999", strings.Repeat("9", 128),
	} {
		s := me.OpenStream("", "Last-Event-ID", cursor)
		if s.Ready.Resumed {
			t.Errorf("the stream was resumed from %q", cursor)
		}
		var resync models.Resync
		e := s.Expect(models.EventResync, &resync)
		if resync.Reason != models.ResyncUnknown || e.ID == "" {
			t.Errorf("%q: %v", cursor, e)
		}
		m := me.SendText(room.ID, "after the resync")
		var received models.Message
		s.Expect(models.EventMessageCreated, &received)
		if received.ID != m.ID {
			t.Errorf("%q: got %+v, want %+v", cursor, received, m)
		}
		s.Cancel()
		if again := me.OpenStream("", "Last-Event-ID", e.ID); !again.Ready.Resumed {
			t.Errorf("%q: a stream cannot be resumed from %v", cursor, e)
		} else {
			again.Expect(models.EventMessageCreated, nil)
			again.Cancel()
		}
		me.Call("GET", "/v1/events/log?after="+strings.ReplaceAll(cursor, " ", "+"), nil).
			ExpectProblem(410, models.CodeExpired)
	}
}

// testRoomEvents checks that everybody gets the events of public rooms' creation and deletion, that only members get
// the other room events, and that no event contains data that depends on the recipient.
func testRoomEvents(t *testing.T, c *harness.Client) {
	me, member, bystander := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	streams := map[*harness.Client]*harness.Stream{
		me:        me.OpenStream(""),
		member:    member.OpenStream(""),
		bystander: bystander.OpenStream(""),
	}
	private := me.CreatePrivateRoom(member)
	me.Call("PATCH", harness.RoomPath(private.ID), models.RoomChange{Name: harness.Ptr("other")}).ExpectStatus(200)
	me.SendText(private.ID, "hush")
	public := me.CreatePublicRoom(member)
	me.Call("PATCH", harness.RoomPath(public.ID), models.RoomChange{Name: harness.Ptr("other")}).ExpectStatus(200)
	me.Call("DELETE", harness.RoomPath(private.ID), nil).ExpectStatus(204)
	me.Call("DELETE", harness.RoomPath(public.ID), nil).ExpectStatus(204)

	const privately, publicly = "private ", "public "
	want := map[*harness.Client][]string{
		me: {
			privately + "room.created",
			privately + "member.joined",
			privately + "room.updated",
			privately + "message.created",
			publicly + "room.created",
			publicly + "member.joined",
			publicly + "room.updated",
			privately + "room.deleted",
			publicly + "room.deleted",
		},
		member: {
			privately + "member.joined",
			privately + "room.updated",
			privately + "message.notification",
			publicly + "room.created",
			publicly + "member.joined",
			publicly + "room.updated",
			privately + "room.deleted",
			publicly + "room.deleted",
		},
		bystander: {publicly + "room.created", publicly + "room.deleted"},
	}
	for user, s := range streams {
		var got []string
		for range want[user] {
			e := s.Next()
			var about struct {
				ID     int64 `json:"id"`
				RoomID int64 `json:"room_id"`
			}
			if err := e.Decode(&about); err != nil {
				t.Fatal(err)
			}
			name := publicly
			if about.RoomID == private.ID || about.RoomID == 0 && about.ID == private.ID {
				name = privately
			}
			got = append(got, name+e.Name)
			if strings.Contains(e.Data, `"membership"`) || strings.Contains(e.Data, `"me"`) {
				t.Errorf("the event depends on its recipient: %v", e)
			}
		}
		if !slices.Equal(got, want[user]) {
			t.Errorf("%s got\n%q, want\n%q", user.User.Username, got, want[user])
		}
	}
}

func testEventsCookie(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	a := me.Call("POST", "/v1/events/cookie", nil).ExpectStatus(204)
	cookie := a.Cookie("parley_events")
	if cookie.Value == "" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode ||
		cookie.Path != "/v1/events" || cookie.Secure || cookie.Domain != "" {
		t.Errorf("the cookie is %q", cookie)
	}
	if !me.Call("POST", "/v1/events/cookie", nil, "X-Forwarded-Proto", "https").Cookie("parley_events").Secure {
		t.Error("the cookie of a request over TLS is not Secure")
	}
	pair := "parley_events=" + cookie.Value
	s := c.OpenStream("", "Cookie", pair)
	if s.Ready.UserID != me.User.ID {
		t.Errorf("the stream of the cookie is %+v", s.Ready)
	}
	c.Call("GET", "/v1/events/log", nil, "Cookie", pair).ExpectStatus(200)
	if s := other.OpenStream("", "Cookie", pair); s.Ready.UserID != other.User.ID {
		t.Errorf("the stream of a bearer token with a cookie is %+v", s.Ready)
	}
	expectUnauthorized := func(a *harness.Response, want models.Code) { t.Helper(); a.ExpectProblem(401, want) }
	expectUnauthorized(c.WithToken("nonsense").Call("GET", "/v1/events", nil, "Cookie", pair), models.CodeUnauthenticated)
	expectUnauthorized(c.WithToken(cookie.Value).Call("GET", "/v1/events", nil), models.CodeUnauthenticated)
	expectUnauthorized(c.WithToken(cookie.Value).Call("GET", "/v1/rooms", nil), models.CodeUnauthenticated)
	expectUnauthorized(c.Call("GET", "/v1/rooms", nil, "Cookie", pair), models.CodeUnauthenticated)
	expectUnauthorized(c.Call("POST", "/v1/events/cookie", nil, "Cookie", pair), models.CodeUnauthenticated)
	expectUnauthorized(c.Call("GET", "/v1/events", nil, "Cookie", "parley_events="+me.AccessToken),
		models.CodeUnauthenticated)
	expectUnauthorized(c.Call("GET", "/v1/events", nil, "Cookie", "parley_events="), models.CodeUnauthenticated)

	me.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	s.Expect(models.EventSessionRevoked, nil)
	s.ExpectEnd()
	expectUnauthorized(c.Call("GET", "/v1/events", nil, "Cookie", pair), models.CodeSessionRevoked)
}

func testTooManyStreams(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	streams := make([]*harness.Stream, models.MaxStreamsPerUser)
	for i := range streams {
		streams[i] = me.OpenStream("")
	}
	me.Send("GET", "/v1/events", nil).ExpectBusy(models.BusyStreams)
	me.Call("GET", "/v1/events/log", nil).ExpectStatus(200)
	c.NewGuest("grace").OpenStream("")
	streams[7].Cancel()
	harness.Eventually(t, "another stream can open after one has ended", func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		body, err := me.TryOpenStream(ctx, "")
		if err != nil {
			return false
		}
		_ = body.Close()
		return true
	})
}
