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
		{Name: "the first lines", Play: testStreamHead},
		{Name: "what Accept decides", Play: testAccept},
		{Name: "each change names its event", Play: testEventIDs},
		{Name: "a snapshot and what follows it", Play: testSnapshot},
		{Name: "coming back", Play: testResume},
		{Name: "cursors that are not known", Play: testResyncUnknown},
		{Name: "who hears of rooms", Play: testRoomEvents},
		{Name: "the cookie", Play: testEventsCookie},
		{Name: "too many streams", Play: testTooManyStreams},
	})
}

func testStreamHead(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	res := me.OpenResponse("GET", "")
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
	err = harness.ReadEvents(lines, func(e harness.Event) bool {
		e.CheckContract(t)
		var ready models.Ready
		if err := e.Decode(&ready); err != nil || e.ID == "" || ready.UserID != me.User.ID || ready.Resumed || ready.StreamID == "" || ready.ServerTime.IsZero() {
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
	const stream, page, packed, refused = "text/event-stream", "application/json", "application/msgpack", "application/problem+json"
	for accept, want := range map[string]string{
		"": stream, "*/*": stream, "text/*": stream, "text/event-stream": stream, "text/event-stream;q=0.1": stream,
		"application/json": page, "application/*": page, "text/event-stream;q=0.5, application/json": page, "application/json, */*;q=0.1": page,
		"text/event-stream, application/json": stream, "text/html, text/event-stream;q=0": refused, "image/png": refused,
		"*/*;q=0": refused, "text/event-stream;q=0, application/json;q=0, */*": packed, "application/msgpack": packed,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			res := me.OpenResponse(method, "", "Accept", accept)
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
	me.CallInvalid("GET", "/v1/events", nil, "Accept", "image/png").ExpectProblem(406, models.CodeNotAcceptable)
	me.Call("GET", "/v1/rooms", nil, "Accept", "text/html").ExpectProblem(406, models.CodeNotAcceptable)
	me.Call("GET", "/v1/rooms", nil, "Accept", "text/html, application/*;q=0.2").ExpectStatus(200)
	// Where there is no body, problems are all that the contract has, and all that clients made from it ask for.
	me.Call("POST", "/v1/events/cookie", nil, "Accept", refused).ExpectStatus(204)
	me.Call("POST", "/v1/events/cookie", nil, "Accept", "text/html").ExpectProblem(406, models.CodeNotAcceptable)
	me.Call("GET", "/v1/rooms/999999", nil, "Accept", refused).ExpectProblem(404, models.CodeNotFound)
	if a := me.Send("GET", "/v1/users/me", nil, "Accept", refused+", "+packed).ExpectStatus(200); a.Header("Content-Type") != packed {
		t.Errorf("problems beside MessagePack were answered with %s", a.Header("Content-Type"))
	}
}

// testEventIDs does all that changes anything, as somebody who watches: each answer's Event-Id must be the id of the
// event that tells of it, and no event may come that was not announced so.
func testEventIDs(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	s := me.OpenStream("")
	expect := func(a *harness.Response, name models.EventName) *harness.Response {
		t.Helper()
		if e := s.Expect(name, nil); e.ID == "" || e.ID != a.EventID() {
			t.Errorf("%v\nnames %q, told %v", a, a.EventID(), e)
		}
		return a
	}
	var room, direct models.Room
	var m models.Message
	expect(me.Call("POST", "/v1/rooms", models.NewRoom{Name: harness.Ptr("n")}).ExpectStatus(201).Decode(&room), models.EventRoomCreated)
	path := harness.RoomPath(room.ID)
	expect(me.Call("PATCH", path, models.RoomChange{Name: harness.Ptr("m")}).ExpectStatus(200), models.EventRoomUpdated)
	expect(other.Call("PUT", path+"/members/me", nil).ExpectStatus(200), models.EventMemberJoined)
	expect(me.Call("PUT", harness.MemberPath(room.ID, other), models.RoleChange{Role: models.RoleModerator}).ExpectStatus(200), models.EventMemberUpdated)
	expect(other.Call("POST", path+"/messages", models.NewMessage{Text: "x"}).ExpectStatus(201).Decode(&m), models.EventMessageNotification)
	expect(me.Call("PUT", path+"/read", models.ReadMark{MessageID: m.ID}).ExpectStatus(200), models.EventMessageRead)
	expect(other.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "y"}).ExpectStatus(200), models.EventMessageEdited)
	expect(other.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204), models.EventMessageDeleted)
	expect(me.Call("POST", path+"/messages", models.NewMessage{Text: "x"}).ExpectStatus(201), models.EventMessageCreated)
	expect(me.Call("DELETE", path+"/messages", nil).ExpectStatus(204), models.EventHistoryCleared)
	expect(other.Call("DELETE", path+"/members/me", nil).ExpectStatus(204), models.EventMemberLeft)
	expect(me.Call("PUT", harness.MemberPath(room.ID, other), models.RoleChange{}).ExpectStatus(200), models.EventMemberJoined)
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

// testSnapshot reads a room over and over while others write in it. A message that is not in an answer must be told
// after the answer's Event-Cursor.
func testSnapshot(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	path := harness.RoomPath(room.ID) + "/messages"
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
		w := c.NewGuest(fmt.Sprint("writer", i))
		w.JoinRoom(room.ID)
		writing.Go(func() {
			for range sends {
				a, err := w.TryCall(t.Context(), "POST", path, models.NewMessage{Text: "x"})
				if err != nil || a.HTTP.StatusCode != 201 {
					t.Error(a, err)
					return
				}
				var m models.Message
				a.Decode(&m)
				mu.Lock()
				told[m.ID] = place(a.EventID())
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
		s := snapshot{cursor: place(list.Header("Event-Cursor"))}
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
		"/v1/users/me", "/v1/users/@" + me.User.Username, "/v1/rooms", harness.RoomPath(room.ID), harness.RoomPath(room.ID) + "/members",
		harness.RoomPath(room.ID) + "/bans", harness.RoomPath(room.ID) + "/messages", harness.RoomPath(room.ID) + "/messages/1",
	} {
		cursor := me.Call("GET", path, nil).ExpectStatus(200).Header("Event-Cursor")
		a := me.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "after"}).ExpectStatus(201)
		if e := me.OpenStream("last_event_id="+cursor).Expect(models.EventMessageCreated, nil); e.ID != a.EventID() {
			t.Errorf("after %s at %s came %v, not %s", path, cursor, e, a.EventID())
		}
	}
}

func testResume(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	var told []string
	s := me.OpenStream("")
	start := s.LastID
	for i := range 6 {
		me.SendText(room.ID, fmt.Sprint("text ", i))
		told = append(told, s.Expect(models.EventMessageCreated, nil).ID)
	}
	resumed := func(from int, s *harness.Stream) {
		t.Helper()
		since := start
		if from > 0 {
			since = told[from-1]
		}
		if !s.Ready.Resumed || s.LastID != since {
			t.Errorf("resumed from %s: %+v, at %s", since, s.Ready, s.LastID)
		}
		for _, id := range told[from:] {
			if e := s.Expect(models.EventMessageCreated, nil); e.ID != id {
				t.Errorf("resumed from %s: %v came where %s was due", since, e, id)
			}
		}
		s.Cancel()
	}
	resumed(0, me.OpenStream("", "Last-Event-ID", start))
	resumed(2, me.OpenStream("", "Last-Event-ID", told[1]))
	resumed(4, me.OpenStream("last_event_id="+told[3]))
	resumed(5, me.OpenStream("last_event_id="+told[0], "Last-Event-ID", told[4])) // the header wins
	last := me.OpenStream("", "Last-Event-ID", told[5])
	resumed(6, last)

	// Live after the replay: in one run, without a gap.
	live := me.OpenStream("", "Last-Event-ID", told[2])
	me.SendText(room.ID, "live")
	for want := int64(4); want <= 7; want++ {
		var m models.Message
		if e := live.Expect(models.EventMessageCreated, &m); m.ID != want {
			t.Errorf("%v came where message %d was due", e, want)
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
			t.Errorf("%q was resumed", cursor)
		}
		var resync models.Resync
		e := s.Expect(models.EventResync, &resync)
		if resync.Reason != models.ResyncUnknown || e.ID == "" {
			t.Errorf("%q: %v", cursor, e)
		}
		m := me.SendText(room.ID, "after the resync")
		var told models.Message
		s.Expect(models.EventMessageCreated, &told)
		if told.ID != m.ID {
			t.Errorf("%q: told %+v, not %+v", cursor, told, m)
		}
		s.Cancel()
		if again := me.OpenStream("", "Last-Event-ID", e.ID); !again.Ready.Resumed {
			t.Errorf("%q: %v cannot be resumed from", cursor, e)
		} else {
			again.Expect(models.EventMessageCreated, nil)
			again.Cancel()
		}
		me.Call("GET", "/v1/events?after="+strings.ReplaceAll(cursor, " ", "+"), nil, "Accept", "application/json").ExpectProblem(410, models.CodeExpired)
	}
}

// testRoomEvents: of public rooms everybody hears, of others their members alone, and in events nothing depends on who
// reads them.
func testRoomEvents(t *testing.T, c *harness.Client) {
	me, member, bystander := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	streams := map[*harness.Client]*harness.Stream{me: me.OpenStream(""), member: member.OpenStream(""), bystander: bystander.OpenStream("")}
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
				t.Errorf("told %v", e)
			}
		}
		if !slices.Equal(got, want[who]) {
			t.Errorf("%s was told\n%q, wanted\n%q", who.User.Username, got, want[who])
		}
	}
}

func testEventsCookie(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	a := me.Call("POST", "/v1/events/cookie", nil).ExpectStatus(204)
	k := a.Cookie("parley_events")
	if k.Value == "" || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/v1/events" || k.Secure || k.Domain != "" {
		t.Errorf("the cookie is %q", k)
	}
	if !me.Call("POST", "/v1/events/cookie", nil, "X-Forwarded-Proto", "https").Cookie("parley_events").Secure {
		t.Error("the cookie of a page over TLS is sent without TLS too")
	}
	pair := "parley_events=" + k.Value
	s := c.OpenStream("", "Cookie", pair)
	if s.Ready.UserID != me.User.ID {
		t.Errorf("the cookie opened %+v", s.Ready)
	}
	c.Call("GET", "/v1/events", nil, "Cookie", pair, "Accept", "application/json").ExpectStatus(200)
	if s := other.OpenStream("", "Cookie", pair); s.Ready.UserID != other.User.ID {
		t.Errorf("beside a bearer token, the cookie opened %+v", s.Ready)
	}
	refused := func(a *harness.Response, want models.Code) { t.Helper(); a.ExpectProblem(401, want) }
	refused(c.WithToken("nonsense").Call("GET", "/v1/events", nil, "Cookie", pair), models.CodeUnauthenticated)
	refused(c.WithToken(k.Value).Call("GET", "/v1/events", nil), models.CodeUnauthenticated)
	refused(c.WithToken(k.Value).Call("GET", "/v1/rooms", nil), models.CodeUnauthenticated)
	refused(c.Call("GET", "/v1/rooms", nil, "Cookie", pair), models.CodeUnauthenticated)
	refused(c.Call("POST", "/v1/events/cookie", nil, "Cookie", pair), models.CodeUnauthenticated)
	refused(c.Call("GET", "/v1/events", nil, "Cookie", "parley_events="+me.AccessToken), models.CodeUnauthenticated)
	refused(c.Call("GET", "/v1/events", nil, "Cookie", "parley_events="), models.CodeUnauthenticated)

	me.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	s.Expect(models.EventSessionRevoked, nil)
	s.ExpectEnd()
	refused(c.Call("GET", "/v1/events", nil, "Cookie", pair), models.CodeSessionRevoked)
}

func testTooManyStreams(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	streams := make([]*harness.Stream, models.MaxStreamsPerUser)
	for i := range streams {
		streams[i] = me.OpenStream("")
	}
	me.Send("GET", "/v1/events", nil).ExpectBusy(models.BusyStreams)
	me.Call("GET", "/v1/events", nil, "Accept", "application/json").ExpectStatus(200)
	c.NewGuest("grace").OpenStream("")
	streams[7].Cancel()
	harness.Eventually(t, "the place of a stream that ended is free", func() bool {
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
