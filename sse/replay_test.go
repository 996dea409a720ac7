package sse

import (
	"database/sql"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
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
				t.Errorf("%d streams that take nothing hold %d KB", streams, grown>>10)
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
			t.Fatalf("message %s came where %d was due", id, next)
		}
		next++
	}
}

// TestPageIsLimitedByBytes reads a log of 4 MB in pages.
func TestPageIsLimitedByBytes(t *testing.T) {
	s := newBusyRoom(t, 0)
	const messages = 2 * replayMaxEvents
	s.sendLarge(messages)
	seen, after := 0, s.start
	for pages := 0; seen < messages; pages++ {
		items, reached, err := s.hub.Page(t.Context(), models.Caller{UserID: s.owner.User.ID}, after.String(), 200)
		s.must(err)
		size := 0
		for _, e := range items {
			size += len(e.Data)
		}
		if len(items) == 0 || size > models.MaxPageBytes {
			t.Fatalf("page %d has %d items with %d bytes", pages, len(items), size)
		}
		seen, after = seen+len(items), reached
	}
	if seen != messages {
		t.Errorf("%d events were seen, want %d", seen, messages)
	}
}

// waitUntilAttached waits until no stream replays the log.
func (s *busyRoom) waitUntilAttached() {
	s.t.Helper()
	eventually(s.t, func() string {
		for _, one := range s.streams() {
			if _, walking := one.replayPosition(); walking {
				return "a stream still reads the log"
			}
		}
		return ""
	})
}

// TestPrunedLogResyncsAttachedStreams sets the hub back to a pruned position, as after a machine was suspended. Every
// stream gets a resync, even with a full queue.
func TestPrunedLogResyncsAttachedStreams(t *testing.T) {
	s := newBusyRoom(t, 1)
	s.openAll(s.openPresent)
	last := s.start
	for _, text := range []string{"slept through", "slept through", "the last"} {
		last = s.send(s.owner, s.roomID, text)
	}
	s.must(s.hub.waitForPosition(t.Context(), last.Position))
	s.waitUntilAttached()
	db, err := sql.Open("sqlite", s.database+"?_pragma=busy_timeout(10000)")
	s.must(err)
	defer func() { s.must(db.Close()) }()
	_, err = db.ExecContext(t.Context(), "DELETE FROM events WHERE position < ?", last.Position)
	s.must(err)
	_, err = db.ExecContext(t.Context(), "UPDATE event_head SET pruned = ?", last.Position-1)
	s.must(err)
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
			t.Error("a stream was not told that it missed something")
		}
	})
	s.send(s.owner, s.roomID, "and on")
	s.eachPeer(func(p *peer) {
		if !p.skipTo("event: message.created") {
			t.Error("a stream got nothing after it was told that it missed something")
		}
	})
	s.eachPeer(reset)
	s.requireNothingLeft()
}
