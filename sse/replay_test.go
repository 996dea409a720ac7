package sse

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
)

// memoryPerStream is what a stream whose peer reads nothing may cost: one write, which is a frame of 32 KB here, and
// its state. What waits for it is many times as much.
const memoryPerStream = 128 << 10

// TestBlockedStreamHoldsOneWrite checks the memory of streams whose peers read nothing of 2 MB, replayed or
// delivered. One of them then reads on, and misses nothing.
func TestBlockedStreamHoldsOneWrite(t *testing.T) {
	const streams, messages = 5 * streamsPerUser, 64
	for name, behind := range map[string]bool{"in the log": true, "live": false} {
		t.Run(name, func(t *testing.T) {
			s := newBusyRoom(t, streams/streamsPerUser)
			if behind {
				s.sendLarge(messages)
			}
			s.openAll(func(l models.Login) *peer {
				if behind {
					return s.openUnread(l)
				}
				return s.openPresent(l)
			})
			before := heapBytes()
			if !behind {
				s.sendLarge(messages)
			}
			s.waitUntilBlocked(streams)
			if grown := heapBytes() - before; grown > streams*memoryPerStream {
				t.Errorf("%d streams whose peers read nothing hold %d KB", streams, grown>>10)
			}
			s.peers[0].requireMessages(t, messages)
			s.eachPeer(func(p *peer) { _ = p.Close() })
			s.requireNothingLeft()
		})
	}
}

func heapBytes() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// requireMessages reads the messages from 1 to count, each once and in order.
func (p *peer) requireMessages(t *testing.T, count int64) {
	t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(testTimeout))
	for next := int64(1); next <= count; {
		line, err := p.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("message %d did not come: %v", next, err)
		}
		data, isData := strings.CutPrefix(line, `data: {"id":`)
		if !isData {
			continue
		}
		if id, _, _ := strings.Cut(data, ","); id != strconv.FormatInt(next, 10) {
			t.Fatalf("message %s came in place of %d", id, next)
		}
		next++
	}
}

// TestPageIsLimitedByBytes reads a log of 4 MB in pages.
func TestPageIsLimitedByBytes(t *testing.T) {
	s := newBusyRoom(t, 0)
	const messages = 2 * replayMaxEvents
	s.sendLarge(messages)
	seen, after := 0, s.start.String()
	for pages := 0; seen < messages; pages++ {
		page, err := s.hub.Page(t.Context(), models.Caller{UserID: s.owner.User.ID}, after, 200)
		s.must(err)
		size := 0
		for _, e := range page.Items {
			size += len(e.Data)
		}
		if len(page.Items) == 0 || size > models.MaxPageBytes {
			t.Fatalf("page %d has %d items with %d bytes", pages, len(page.Items), size)
		}
		seen, after = seen+len(page.Items), page.Cursor
	}
	if seen != messages {
		t.Errorf("%d events were seen, want %d", seen, messages)
	}
}

// TestPrunedLogResyncsAttachedStreams sets the hub back to a pruned position, as after a machine was suspended. Every
// stream gets a resync, even with a full queue.
func TestPrunedLogResyncsAttachedStreams(t *testing.T) {
	s := newBusyRoom(t, 1)
	s.openAll(s.openPresent)
	last := s.start
	for _, text := range []string{"while suspended", "while suspended", "the last"} {
		last = s.send(s.owner, s.roomID, text)
	}
	s.must(s.hub.waitForPosition(t.Context(), last.Position))
	s.attached()
	s.prune(models.Cursor{Position: last.Position - 1})
	s.hub.withLock(func() {
		s.hub.position, s.hub.cache = last.Position-3, eventCache{}
		for _, one := range s.hub.streams {
			one.mu.Lock()
			one.writing = true // as if its socket was full
			one.mu.Unlock()
			for queue := needsFlush; queue != queueFull; {
				queue = one.enqueue(heartbeatFrame)
			}
			one.mu.Lock()
			one.startWriter(nil)
			one.mu.Unlock()
		}
	})
	s.eachPeer(func(p *peer) {
		if !p.skipTo("event: resync") || !p.skipTo(`data: {"reason":"expired"}`) {
			t.Error("a stream did not get a resync")
		}
	})
	s.send(s.owner, s.roomID, "after the resync")
	s.eachPeer(func(p *peer) {
		if !p.skipTo("event: message.created") {
			t.Error("a stream got nothing after the resync")
		}
	})
	s.eachPeer(reset)
	s.requireNothingLeft()
}

// TestSlowStreamCatchesUp sends to an attached stream whose peer reads nothing until its queue overflows. When the peer
// reads again, the stream replays what it missed and is attached again: nothing is lost or comes twice.
func TestSlowStreamCatchesUp(t *testing.T) {
	const messages = 64
	s := newBusyRoom(t, 0)
	p := s.watch(s.owner, s.roomID, "")
	s.attached()
	s.sendLarge(messages)
	stream := s.streams()[0]
	eventually(t, func() string {
		if _, replaying := stream.replayPosition(); !replaying {
			return "the queue of the stream did not overflow"
		}
		return ""
	})
	p.requireMessages(t, messages)
	s.attached()
	s.send(s.owner, s.roomID, "the last one")
	if e := p.until(t, "the last one"); names(e) != "message.created" || !strings.HasPrefix(e[0].data, `{"id":65,`) {
		t.Errorf("after the replay came %v", e)
	}
}

// TestReplayFromCursor resumes streams at several positions: each gets the events after its cursor once, and then is
// attached.
func TestReplayFromCursor(t *testing.T) {
	r := newRig(t, Limits{})
	ada := r.signUp("ada")
	room, start := r.room(ada)
	cursors := []models.Cursor{start}
	for i := range 3 {
		cursors = append(cursors, r.send(ada, room, "message "+strconv.Itoa(i)))
	}
	for _, cached := range []bool{true, false} {
		if !cached {
			r.hub.withLock(func() { r.hub.cache = eventCache{} })
		}
		for i, cursor := range cursors {
			p := r.dial(ada, room, cursor.String())
			t.Cleanup(func() { _ = p.Close() })
			ready := p.next(t)
			if ready.name != "ready" || ready.id != cursor.String() || !strings.Contains(ready.data, `"resumed":true`) {
				t.Errorf("the stream began with %v", ready)
			}
			if i < 3 {
				if got := p.until(t, "message 2"); len(messagesOf(got)) != 3-i {
					t.Errorf("after cursor %d came %v", i, got)
				}
			}
			r.attached()
			last := "attached " + strconv.Itoa(i) + strconv.FormatBool(cached)
			r.send(ada, room, last)
			for _, e := range messagesOf(p.until(t, last)) {
				if strings.Contains(e.data, `"message `) {
					t.Errorf("after cursor %d, %s came twice", i, e.data)
				}
			}
		}
	}
}

func messagesOf(events []received) (messages []received) {
	for _, e := range events {
		if e.name == "message.created" {
			messages = append(messages, e)
		}
	}
	return messages
}

// TestUnusableCursors opens streams at cursors from which the log cannot be read. They get a resync with the reason and
// a new cursor, their ready has no id, and they go on with what happens next.
func TestUnusableCursors(t *testing.T) {
	r := newRig(t, Limits{})
	ada := r.signUp("ada")
	room, start := r.room(ada)
	head := r.send(ada, room, "pruned")
	r.prune(head)
	for name, c := range map[string]struct{ cursor, reason string }{
		"pruned":         {start.String(), "expired"},
		"in the future":  {models.Cursor{Epoch: head.Epoch, Position: head.Position + 1000}.String(), "unknown"},
		"of another log": {models.Cursor{Epoch: "other", Position: head.Position}.String(), "unknown"},
		"not a cursor":   {"0x", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := r.store.Head(t.Context())
			r.must(err)
			p := r.dial(ada, room, c.cursor)
			defer func() { _ = p.Close() }()
			ready, resync := p.next(t), p.next(t)
			for resync.name == "presence.entered" {
				resync = p.next(t)
			}
			if ready.name != "ready" || ready.id != "" || !strings.Contains(ready.data, `"resumed":false`) {
				t.Errorf("the stream began with %v", ready)
			}
			if resync.name != "resync" || resync.data != `{"reason":"`+c.reason+`"}` {
				t.Errorf("then came %v", resync)
			}
			if c.reason == "expired" && resync.id != before.String() {
				t.Errorf("the new cursor is %s, want %s", resync.id, before)
			}
			r.send(ada, room, "next to "+name)
			if got := messagesOf(p.until(t, "next to "+name)); len(got) != 1 {
				t.Errorf("after the resync came %v", got)
			}
		})
	}
}

// prune removes the events up to and including a position, as the janitor does when they are too old.
func (r *rig) prune(upTo models.Cursor) {
	r.t.Helper()
	db, err := sql.Open("sqlite", r.database+"?_pragma=busy_timeout(10000)")
	r.must(err)
	defer func() { r.must(db.Close()) }()
	_, err = db.ExecContext(r.t.Context(), "DELETE FROM events WHERE position <= ?", upTo.Position)
	r.must(err)
	_, err = db.ExecContext(r.t.Context(), "UPDATE event_head SET pruned = ?", upTo.Position)
	r.must(err)
}

// TestReplayHasTheCurrentMessages edits, deletes and clears a message that is cached. A replay gets it as it is now, or
// not at all.
func TestReplayHasTheCurrentMessages(t *testing.T) {
	for name, change := range map[string]func(r *rig, ada, bob models.Login, room models.RoomPath) error{
		"deleted": func(r *rig, _, bob models.Login, room models.RoomPath) error {
			_, err := r.store.DeleteMessage(t.Context(), bob.User.ID, room, 1, models.Condition{})
			return err
		},
		"edited": func(r *rig, _, bob models.Login, room models.RoomPath) error {
			_, _, err := r.store.EditMessage(t.Context(), bob.User.ID, room, 1,
				models.MessageEdit{Text: "public"}, models.Condition{})
			return err
		},
		"cleared": func(r *rig, ada, _ models.Login, room models.RoomPath) error {
			_, err := r.store.ClearHistory(t.Context(), ada.User.ID, room)
			return err
		},
		"room deleted": func(r *rig, ada, _ models.Login, room models.RoomPath) error {
			_, err := r.store.DeleteRoom(t.Context(), ada.User.ID, room, models.Condition{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Limits{})
			ada, bob := r.signUp("ada"), r.signUp("bob")
			other, _ := r.room(ada)
			room, _ := r.room(ada, bob)
			start, err := r.store.Head(t.Context())
			r.must(err)
			r.send(bob, room, "secret")
			r.must(change(r, ada, bob, models.RoomPath{ID: room}))
			r.send(ada, other, "the last one")
			for _, e := range r.watch(ada, room, start.String()).until(t, "the last one") {
				if strings.Contains(e.data, "secret") {
					t.Errorf("a replay has %s", e.data)
				}
			}
		})
	}
}

// failsEntries is a log from which a user's events cannot be read: what comes all the same is from memory.
type failsEntries struct{ *store.Store }

func (failsEntries) EntriesFor(context.Context, int64, int64, int64, int) ([]models.LogEntry, error) {
	return nil, errors.New("asked for the events of a user")
}

// restartedHub starts another hub on the rig's store, as a server that starts again. It must not read the events of a
// user from the database.
func (r *rig) restartedHub() *rig {
	r.t.Helper()
	again := &rig{t: r.t, store: r.store, warned: make(chan struct{}, 1)}
	again.start(failsEntries{r.store}, NewCommitQueue(), Limits{}, func(*Hub) {})
	return again
}

// TestWindowIsFilledAtStart starts a hub on a log with messages, some of which were edited, deleted or cleared since. A
// stream that resumes gets them from memory, as they are now.
func TestWindowIsFilledAtStart(t *testing.T) {
	r := newRig(t, Limits{})
	ada := r.signUp("ada")
	room, start := r.room(ada)
	path := models.RoomPath{ID: room}
	for _, text := range []string{"first", "secret", "third"} {
		r.send(ada, room, text)
	}
	_, _, err := r.store.EditMessage(t.Context(), ada.User.ID, path, 1, models.MessageEdit{Text: "changed"},
		models.Condition{})
	r.must(err)
	_, err = r.store.DeleteMessage(t.Context(), ada.User.ID, path, 2, models.Condition{})
	r.must(err)
	r.send(ada, room, "the last one")
	p := r.restartedHub().watch(ada, room, start.String())
	got := p.until(t, "the last one")
	for _, e := range got {
		if strings.Contains(e.data, `"first"`) || strings.Contains(e.data, `"secret"`) {
			t.Errorf("content that was changed or deleted came: %v", e)
		}
	}
	want := "presence.entered " + strings.Repeat("message.created ", 3) + "message.edited message.deleted message.created"
	if names(got) != want {
		t.Errorf("the stream got %q, want %q", names(got), want)
	}
}

// TestWindowOfLogs starts hubs on an empty log, on one that was pruned, and on one that is longer than the window.
func TestWindowOfLogs(t *testing.T) {
	r := newRig(t, Limits{})
	if n := len(r.restartedHub().hub.cache.events); n != 0 {
		t.Errorf("of an empty log, %d events are cached", n)
	}
	ada := r.signUp("ada")
	room, _ := r.room(ada)
	var third, last models.Cursor
	for i := range 6 {
		if last = r.send(ada, room, "x"); i == 2 {
			third = last
		}
	}
	r.prune(third)
	if c := r.restartedHub().hub.cache; len(c.events) != 3 || c.events[0].Position != third.Position+1 {
		t.Errorf("of a pruned log, %d events are cached", len(c.events))
	}
	var sending sync.WaitGroup
	for range 32 {
		sending.Go(func() {
			for range cacheEvents / 32 {
				r.send(ada, room, "x")
			}
		})
	}
	sending.Wait()
	last = r.send(ada, room, "x")
	again := r.restartedHub()
	if c := again.hub.cache; len(c.events) != cacheEvents || c.events[cacheEvents-1].Position != last.Position {
		t.Errorf("of a long log, %d events are cached", len(c.events))
	}
	first := again.hub.cache.events[0].Position
	before := models.Cursor{Epoch: r.store.Epoch(), Position: first - 2}
	p := again.dial(ada, room, before.String())
	defer func() { _ = p.Close() }()
	<-again.warned // one event more than there is in memory: it is asked for
}
