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

// heldByStream is what a stream whose peer takes nothing may cost: one write, which is a frame of 32 KB here, and what goes
// with it. What waits for it is many times as much.
const heldByStream = 128 << 10

// TestStreamsThatTakeNothingHoldOneWrite has peers take nothing of 2 MB that are before them, in the log or live, looks what
// that costs, and lets one read on: it misses nothing.
func TestStreamsThatTakeNothingHoldOneWrite(t *testing.T) {
	const streams, messages = 5 * crowdOfUser, 64
	for name, behind := range map[string]bool{"in the log": true, "live": false} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, streams/crowdOfUser)
			if behind {
				s.fillUp(messages)
			}
			s.fill(func(l models.Login) *peer {
				if behind {
					return s.unread(l)
				}
				return s.openFresh(l)
			})
			before := heap()
			if !behind {
				s.fillUp(messages)
			}
			s.untilStuck(streams)
			if grown := heap() - before; grown > streams*heldByStream {
				t.Errorf("%d streams that take nothing hold %d KB", streams, grown>>10)
			}
			s.peers[0].seesMessages(t, messages)
			s.eachPeer(func(p *peer) { _ = p.Close() })
			s.nothingLeft()
		})
	}
}

func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// seesMessages wants messages from 1 on, each once.
func (p *peer) seesMessages(t *testing.T, count int64) {
	t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(patience))
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

// TestPagesEndAtAMegabyte reads a log of 4 MB by pages.
func TestPagesEndAtAMegabyte(t *testing.T) {
	s := newScene(t, 0)
	const messages = 2 * replayMaxEvents
	s.fillUp(messages)
	seen, after := 0, s.at
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

// untilLive waits until no stream reads the log.
func (s *scene) untilLive() {
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

// TestLiveStreamsAreToldWhatIsNotKept has a hub stand where the log is no longer kept, as after a machine has slept: every
// stream is told so, also one for which much waits.
func TestLiveStreamsAreToldWhatIsNotKept(t *testing.T) {
	s := newScene(t, 1)
	s.fill(s.openFresh)
	last := s.at
	for _, text := range []string{"slept through", "slept through", "the last"} {
		last = s.say(s.owner, s.roomID, text)
	}
	s.must(s.hub.waitForPosition(t.Context(), last.Position))
	s.untilLive()
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
			one.writing = true // as if its socket had no room
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
		if !p.sees("event: resync") || !p.sees(`data: {"reason":"expired"}`) {
			t.Error("a stream was not told that it missed something")
		}
	})
	s.say(s.owner, s.roomID, "and on")
	s.eachPeer(func(p *peer) {
		if !p.sees("event: message.created") {
			t.Error("a stream got nothing after it was told that it missed something")
		}
	})
	s.eachPeer(reset)
	s.nothingLeft()
}
