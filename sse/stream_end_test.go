package sse

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// crowd is how many streams end in each of the ways, a user of them having crowdOfUser.
const (
	crowd       = 200
	crowdOfUser = 20
)

// scene is a room with a crowd of streams in it, whose users may have no more of them.
type scene struct {
	*rig
	owner  models.Login
	users  []models.Login
	roomID int64
	at     models.Cursor // before anything was said
	before held          // what the process held without them
	peers  []*peer
}

func newScene(t *testing.T, users int) *scene {
	t.Helper()
	s := &scene{rig: newRig(t, Limits{Streams: crowdOfUser, PresenceRoom: 500})}
	s.owner = s.guest("owner")
	for i := range users {
		s.users = append(s.users, s.guest(fmt.Sprint("user", i)))
	}
	s.roomID, s.at = s.room(s.owner, s.users...)
	s.before = holds()
	return s
}

// fill opens as many streams as the users may have, by way of open.
func (s *scene) fill(open func(l models.Login) *peer) {
	s.t.Helper()
	var mu sync.Mutex
	var opening sync.WaitGroup
	for _, l := range s.users {
		opening.Go(func() {
			for range crowdOfUser {
				p := open(l)
				mu.Lock()
				s.peers = append(s.peers, p)
				mu.Unlock()
			}
		})
	}
	opening.Wait()
	s.t.Cleanup(func() {
		for _, p := range s.peers {
			_ = p.Close()
		}
	})
}

func (s *scene) openFresh(l models.Login) *peer { return s.open(l, s.roomID, "") }

// talk says something in the room again and again, until it is stopped.
func (s *scene) talk() (stop func()) {
	var over atomic.Bool
	var talking sync.WaitGroup
	for range 4 {
		talking.Go(func() {
			for !over.Load() {
				s.say(s.owner, s.roomID, "hello")
			}
		})
	}
	return func() { over.Store(true); talking.Wait() }
}

// deafen has the watcher know of no peer that closes: only a write finds out.
func (s *scene) deafen() {
	for _, one := range s.streams() {
		s.hub.peers.forget(one)
	}
}

func (s *scene) eachPeer(do func(p *peer)) {
	for _, p := range s.peers {
		do(p)
	}
}

func reset(p *peer) { _ = p.SetLinger(0); _ = p.Close() }

// nothingLeft wants everything gone that the streams had: what the hub knows of them, what their users may have, goroutines,
// and file descriptors once the peers have closed theirs.
func (s *scene) nothingLeft() {
	s.t.Helper()
	eventually(s.t, s.remains)
	if s.t.Failed() {
		return
	}
	s.eachPeer(func(p *peer) { _ = p.Close() })
	eventually(s.t, func() string {
		now := holds()
		// Requests that are kept alive and the database's idle connections come and go; a crowd's would be hundreds.
		if now.goroutines > s.before.goroutines+20 || now.files > s.before.files+20 {
			return fmt.Sprintf("the process holds %+v, before the streams it were %+v", now, s.before)
		}
		return ""
	})
}

// remains tells what the hub has of streams, "" for nothing.
func (s *scene) remains() string {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	subscriptions, inside := 0, 0
	for _, r := range h.rooms {
		subscriptions, inside = subscriptions+len(r.subscriptions), inside+len(r.presentStreams)
	}
	h.replaySlots.mu.Lock()
	free, waiting := h.replaySlots.free, h.replaySlots.queue.Len()
	h.replaySlots.mu.Unlock()
	if len(h.streams)+len(h.users)+len(h.rooms)+subscriptions+inside+waiting == 0 && free == replaySlotCount && !h.ended.any.Load() {
		return ""
	}
	return fmt.Sprintf("left are %d streams of %d users, %d rooms with %d subscriptions and %d inside; %d turns are free, %d wait",
		len(h.streams), len(h.users), len(h.rooms), subscriptions, inside, free, waiting)
}

// held is what the process has of the system.
type held struct{ goroutines, files int }

func holds() held {
	files, _ := os.ReadDir("/proc/self/fd") // none elsewhere
	return held{runtime.NumGoroutine(), len(files)}
}

// TestPeersOfABusyRoomGo opens and closes thousands of streams of a room in which there is always something to be written:
// whoever finds that a peer is gone, be it the watcher or a write, nothing of its stream stays.
func TestPeersOfABusyRoomGo(t *testing.T) {
	for name, leave := range map[string]func(p *peer){
		"closed":      func(p *peer) { _ = p.Close() },
		"reset":       reset,
		"half-closed": func(p *peer) { _ = p.CloseWrite() }, // which no EventSource does: it is taken for the end
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 50)
			stop := s.talk()
			s.fill(s.openFresh)
			s.eachPeer(leave)
			s.untilOpen(0)
			stop()
			s.nothingLeft()
		})
	}
}

// untilOpen waits until as many streams are open.
func (s *scene) untilOpen(want int) {
	s.t.Helper()
	eventually(s.t, func() string {
		if streams, users := s.hub.Count(); streams != want {
			return fmt.Sprintf("%d streams of %d users are open, want %d", streams, users, want)
		}
		return ""
	})
}

// TestFailedWriteEndsTheStream resets peers of which the watcher does not tell, so that the write is the first to know, and
// the last to.
func TestFailedWriteEndsTheStream(t *testing.T) {
	t.Run("in the flush", func(t *testing.T) {
		s := newScene(t, crowd/crowdOfUser)
		s.fill(s.openFresh)
		s.deafen()
		s.eachPeer(reset)
		s.say(s.owner, s.roomID, "hello")
		s.say(s.owner, s.roomID, "hello")
		s.nothingLeft()
	})
	t.Run("in the heartbeat", func(t *testing.T) {
		s := newScene(t, crowd/crowdOfUser)
		s.fill(s.openFresh)
		s.deafen()
		s.eachPeer(reset)
		for i := range 2 * heartbeatSlots {
			s.hub.Sweep(time.Now().Add(time.Duration(i) * time.Second))
		}
		s.nothingLeft()
	})
	t.Run("in the presence of others", func(t *testing.T) {
		s := newScene(t, crowd/crowdOfUser)
		s.fill(s.openFresh)
		s.deafen()
		s.eachPeer(reset)
		owner := s.open(s.owner, s.roomID, "")
		reset(owner)
		s.nothingLeft()
	})
	t.Run("in a long run of events under the hub's lock", func(t *testing.T) {
		s := newScene(t, crowd/crowdOfUser)
		s.fill(s.openFresh)
		s.deafen()
		s.eachPeer(reset)
		frame := ephemeralFrame("", models.EventTyping, strings.Repeat("x", queueBytes/2))
		s.hub.withLock(func() {
			for range 4 {
				s.hub.pushToPresent(s.hub.rooms[s.roomID], 0, frame)
			}
		})
		s.nothingLeft()
	})
	t.Run("in the replay", func(t *testing.T) {
		s := newScene(t, crowd/crowdOfUser)
		s.fillUp(64)
		s.fill(func(l models.Login) *peer { return s.unread(l) })
		s.untilStuck(crowd)
		s.deafen()
		s.eachPeer(reset)
		s.nothingLeft()
	})
}

// fillUp says so much in the room that no socket takes it at once: messages of 32 KB each.
func (s *scene) fillUp(messages int) {
	text := strings.Repeat("\U0001F600", models.MaxTextLength)
	for range messages {
		s.say(s.owner, s.roomID, text)
	}
}

// unread opens a stream that begins before all that was said, and reads nothing of it.
func (s *scene) unread(l models.Login) *peer {
	return s.dial(l, s.roomID, s.at.String())
}

// untilStuck waits until as many writes wait for their peers.
func (s *scene) untilStuck(want int) {
	s.t.Helper()
	eventually(s.t, func() string {
		stuck := 0
		for _, one := range s.streams() {
			one.mu.Lock()
			if one.blocked {
				stuck++
			}
			one.mu.Unlock()
		}
		if stuck != want {
			return fmt.Sprintf("%d writes wait for their peers, want %d", stuck, want)
		}
		return ""
	})
}

// TestStreamsEndWithTheirSession logs out users whose streams are live, are reading the log, and take nothing.
func TestStreamsEndWithTheirSession(t *testing.T) {
	for name, reads := range map[string]bool{"live": true, "takes nothing": false} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 2)
			if reads {
				s.fill(s.openFresh)
			} else {
				s.fillUp(64)
				s.fill(s.unread)
				s.untilStuck(2 * crowdOfUser)
			}
			for _, l := range s.users {
				_, err := s.store.LogOut(t.Context(), l.User.ID, l.SessionID)
				s.must(err)
			}
			if reads {
				s.eachPeer(func(p *peer) {
					if !p.sees("event: session.revoked") || p.sees("event:") {
						t.Error("session.revoked is not the last event")
					}
				})
			}
			s.nothingLeft()
		})
	}
}

// TestStreamsEndWithTheServer stops the hub while streams are live, and while their peers take nothing.
func TestStreamsEndWithTheServer(t *testing.T) {
	t.Run("live", func(t *testing.T) {
		s := newScene(t, crowd/crowdOfUser)
		stop := s.talk()
		s.fill(s.openFresh)
		s.drain(patience)
		s.eachPeer(func(p *peer) {
			if !p.sees("event: server.closing") || p.sees("event:") {
				t.Error("server.closing is not the last event")
			}
		})
		stop()
		s.nothingLeft()
	})
	t.Run("takes nothing", func(t *testing.T) {
		s := newScene(t, crowd/crowdOfUser)
		s.fillUp(64)
		s.fill(s.unread)
		s.untilStuck(crowd)
		s.drain(0)
		s.nothingLeft()
	})
}

// TestPeersThatTakeNothingAreDropped has the sweep look at peers that are alive and read nothing: at a stream that reads the
// log, and at a live one that something else waits for.
func TestPeersThatTakeNothingAreDropped(t *testing.T) {
	s := newScene(t, 2)
	s.fillUp(64)
	s.fill(s.unread)
	s.untilStuck(2 * crowdOfUser)
	s.hub.Sweep(time.Now().Add(stalledTimeout - time.Minute))
	if streams, _ := s.hub.Count(); streams != 2*crowdOfUser {
		t.Errorf("%d streams are left of %d, though their peers may be slow", streams, 2*crowdOfUser)
	}
	later := time.Now()
	eventually(t, func() string { // a socket may have taken a little in between
		later = later.Add(2 * stalledTimeout)
		s.hub.Sweep(later)
		return s.remains()
	})
	s.nothingLeft()
}
