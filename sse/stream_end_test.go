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

// streamCount is how many streams end in each of the ways; each user has streamsPerUser.
const (
	streamCount    = 200
	streamsPerUser = 20
)

// busyRoom is a room with many streams. Its users have as many as the limit allows.
type busyRoom struct {
	*rig
	owner  models.Login
	users  []models.Login
	roomID int64
	start  models.Cursor // before the first message
	before resources     // of the process, without streams
	peers  []*peer
}

func newBusyRoom(t *testing.T, users int) *busyRoom {
	t.Helper()
	s := &busyRoom{rig: newRig(t, Limits{Streams: streamsPerUser, PresenceRoom: 500})}
	s.owner = s.signUp("owner")
	for i := range users {
		s.users = append(s.users, s.signUp(fmt.Sprint("user", i)))
	}
	s.roomID, s.start = s.room(s.owner, s.users...)
	s.before = currentResources()
	return s
}

// openAll opens as many streams as the users may have.
func (s *busyRoom) openAll(open func(l models.Login) *peer) {
	s.t.Helper()
	var mu sync.Mutex
	var opening sync.WaitGroup
	for _, l := range s.users {
		opening.Go(func() {
			for range streamsPerUser {
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

func (s *busyRoom) openPresent(l models.Login) *peer { return s.open(l, s.roomID, "") }

// sendConstantly sends messages to the room until it is stopped.
func (s *busyRoom) sendConstantly() (stop func()) {
	var over atomic.Bool
	var talking sync.WaitGroup
	for range 4 {
		talking.Go(func() {
			for !over.Load() {
				s.send(s.owner, s.roomID, "hello")
			}
		})
	}
	return func() { over.Store(true); talking.Wait() }
}

// ignoreClosedPeers makes the peer watcher miss closed peers, so that only writes notice.
func (s *busyRoom) ignoreClosedPeers() {
	for _, one := range s.streams() {
		s.hub.peers.forget(one)
	}
}

func (s *busyRoom) eachPeer(do func(p *peer)) {
	for _, p := range s.peers {
		do(p)
	}
}

func reset(p *peer) { _ = p.SetLinger(0); _ = p.Close() }

// requireNothingLeft checks that everything is gone that the streams used: state of the hub, the users' limits,
// goroutines, and file descriptors after the peers have closed theirs.
func (s *busyRoom) requireNothingLeft() {
	s.t.Helper()
	eventually(s.t, s.leftovers)
	if s.t.Failed() {
		return
	}
	s.eachPeer(func(p *peer) { _ = p.Close() })
	eventually(s.t, func() string {
		now := currentResources()
		// Idle connections of HTTP and the database come and go; those of the streams would be hundreds.
		if now.goroutines > s.before.goroutines+20 || now.files > s.before.files+20 {
			return fmt.Sprintf("the process has %+v, and had %+v before the streams", now, s.before)
		}
		return ""
	})
}

// leftovers describes what the hub still has of streams, "" for nothing.
func (s *busyRoom) leftovers() string {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	subscriptions, present := 0, 0
	for _, r := range h.rooms {
		subscriptions, present = subscriptions+len(r.subscriptions), present+len(r.presentStreams)
	}
	h.replaySlots.mu.Lock()
	free, waiting := h.replaySlots.free, h.replaySlots.waiting
	h.replaySlots.mu.Unlock()
	left := len(h.streams) + len(h.users) + len(h.rooms) + subscriptions + present + waiting
	if left == 0 && free == replaySlotCount && !h.ended.any.Load() {
		return ""
	}
	return fmt.Sprintf("left are %d streams of %d users, %d rooms with %d subscriptions and %d present streams; "+
		"%d slots are free, %d wait",
		len(h.streams), len(h.users), len(h.rooms), subscriptions, present, free, waiting)
}

// resources are what the process uses of the system.
type resources struct{ goroutines, files int }

func currentResources() resources {
	files, _ := os.ReadDir("/proc/self/fd") // only Linux has it
	return resources{runtime.NumGoroutine(), len(files)}
}

// TestClosedPeersOfABusyRoom opens and closes many streams of a room with constant messages. No state of a stream may
// stay, whether the watcher or a write notices first.
func TestClosedPeersOfABusyRoom(t *testing.T) {
	for name, leave := range map[string]func(p *peer){
		"closed":      func(p *peer) { _ = p.Close() },
		"reset":       reset,
		"half-closed": func(p *peer) { _ = p.CloseWrite() }, // no EventSource does that: it counts as closed
	} {
		t.Run(name, func(t *testing.T) {
			s := newBusyRoom(t, 50)
			stop := s.sendConstantly()
			s.openAll(s.openPresent)
			s.eachPeer(leave)
			s.waitUntilOpen(0)
			stop()
			s.requireNothingLeft()
		})
	}
}

// waitUntilOpen waits until want streams are open.
func (s *busyRoom) waitUntilOpen(want int) {
	s.t.Helper()
	eventually(s.t, func() string {
		if streams, users := s.hub.Count(); streams != want {
			return fmt.Sprintf("%d streams of %d users are open, want %d", streams, users, want)
		}
		return ""
	})
}

// TestFailedWriteEndsTheStream resets peers that the watcher does not report, so that a write notices first.
func TestFailedWriteEndsTheStream(t *testing.T) {
	t.Run("in the flush", func(t *testing.T) {
		s := newBusyRoom(t, streamCount/streamsPerUser)
		s.openAll(s.openPresent)
		s.ignoreClosedPeers()
		s.eachPeer(reset)
		s.send(s.owner, s.roomID, "hello")
		s.send(s.owner, s.roomID, "hello")
		s.requireNothingLeft()
	})
	t.Run("in the heartbeat", func(t *testing.T) {
		s := newBusyRoom(t, streamCount/streamsPerUser)
		s.openAll(s.openPresent)
		s.ignoreClosedPeers()
		s.eachPeer(reset)
		for i := range 2 * heartbeatSlots {
			s.hub.CheckStreams(time.Now().Add(time.Duration(i) * time.Second))
		}
		s.requireNothingLeft()
	})
	t.Run("in the presence of others", func(t *testing.T) {
		s := newBusyRoom(t, streamCount/streamsPerUser)
		s.openAll(s.openPresent)
		s.ignoreClosedPeers()
		s.eachPeer(reset)
		owner := s.open(s.owner, s.roomID, "")
		reset(owner)
		s.requireNothingLeft()
	})
	t.Run("with many events at once under the hub's lock", func(t *testing.T) {
		s := newBusyRoom(t, streamCount/streamsPerUser)
		s.openAll(s.openPresent)
		s.ignoreClosedPeers()
		s.eachPeer(reset)
		frame := ephemeralFrame("", models.EventTyping, strings.Repeat("x", queueBytes/2))
		s.hub.withLock(func() {
			for range 4 {
				s.hub.pushToPresent(s.hub.rooms[s.roomID], 0, frame)
			}
		})
		s.requireNothingLeft()
	})
	t.Run("in the replay", func(t *testing.T) {
		s := newBusyRoom(t, streamCount/streamsPerUser)
		s.sendLarge(64)
		s.openAll(func(l models.Login) *peer { return s.openUnread(l) })
		s.waitUntilBlocked(streamCount)
		s.ignoreClosedPeers()
		s.eachPeer(reset)
		s.requireNothingLeft()
	})
}

// TestFailedFlushOfPresenceEndsStreamsAtOnce ends a stream of a room in which all other connections are broken. Each
// end is sent to the next stream as presence, which ends that one. All of them are gone when endStream returns.
func TestFailedFlushOfPresenceEndsStreamsAtOnce(t *testing.T) {
	r := newRig(t, Limits{})
	users := []models.Login{r.signUp("ada"), r.signUp("bob"), r.signUp("eve")}
	room, _ := r.room(users[0], users[1:]...)
	for _, l := range users {
		_ = r.watch(l, room, "")
	}
	r.attached()
	streams := r.streams()
	eventually(t, func() string {
		for _, s := range streams {
			s.mu.Lock()
			writing := s.writing
			s.mu.Unlock()
			if writing {
				return "a stream still writes"
			}
		}
		return ""
	})
	for _, s := range streams {
		r.hub.peers.forget(s)
		_ = s.conn.Close()
	}
	r.hub.endStream(streams[0])
	if open, _ := r.hub.Count(); open != 0 || r.hub.ended.any.Load() {
		t.Errorf("%d streams are left whose connections are broken", open)
	}
}

// TestWaitingReplayEnds ends a stream whose replay has to wait. The end does not wait for the replay.
func TestWaitingReplayEnds(t *testing.T) {
	t.Run("the peer closes", func(t *testing.T) {
		r := newRig(t, Limits{})
		ada := r.signUp("ada")
		release := r.holdReplays(ada)
		defer release()
		p := r.watch(ada, 0, "")
		waiting := func() int {
			r.hub.replaySlots.mu.Lock()
			defer r.hub.replaySlots.mu.Unlock()
			return r.hub.replaySlots.waiting
		}
		eventually(t, func() string {
			if waiting() != 1 {
				return "the replay does not wait"
			}
			return ""
		})
		reset(p)
		eventually(t, func() string {
			if waiting() != 0 {
				return "the replay of a stream that has ended still waits"
			}
			return ""
		})
	})
	t.Run("logged out", func(t *testing.T) {
		r := newRig(t, Limits{})
		ada := r.signUp("ada")
		release := r.holdReplays(ada)
		defer release()
		p := r.watch(ada, 0, "")
		_, err := r.store.LogOut(t.Context(), ada.User.ID, ada.SessionID)
		r.must(err)
		if e := p.next(t); e.name != "session.revoked" {
			t.Errorf("while the replay waits, %v came", e)
		}
		p.requireEnd(t)
	})
}

// sendLarge sends more than a socket takes at once: messages of 32 KB.
func (s *busyRoom) sendLarge(messages int) {
	text := strings.Repeat("\U0001F600", models.MaxTextLength)
	for range messages {
		s.send(s.owner, s.roomID, text)
	}
}

// openUnread opens a stream that starts before the first message, and reads nothing.
func (s *busyRoom) openUnread(l models.Login) *peer {
	return s.dial(l, s.roomID, s.start.String())
}

// waitUntilBlocked waits until want writes wait for their peers.
func (s *busyRoom) waitUntilBlocked(want int) {
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

// TestStreamsEndWithTheirSession logs users out whose streams are attached, or wait for their peers during a replay.
func TestStreamsEndWithTheirSession(t *testing.T) {
	for name, reads := range map[string]bool{"live": true, "reads nothing": false} {
		t.Run(name, func(t *testing.T) {
			s := newBusyRoom(t, 2)
			if reads {
				s.openAll(s.openPresent)
			} else {
				s.sendLarge(64)
				s.openAll(s.openUnread)
				s.waitUntilBlocked(2 * streamsPerUser)
				s.hub.withLock(func() { s.hub.lastFrameTimeout = time.Second })
			}
			for _, l := range s.users {
				_, err := s.store.LogOut(t.Context(), l.User.ID, l.SessionID)
				s.must(err)
			}
			if reads {
				s.eachPeer(func(p *peer) {
					if !p.skipTo("event: session.revoked") || p.skipTo("event:") {
						t.Error("session.revoked is not the last event")
					}
				})
			}
			s.requireNothingLeft()
		})
	}
}

// TestStreamsEndWithTheServer closes the hub while streams are attached, and while their peers read nothing.
func TestStreamsEndWithTheServer(t *testing.T) {
	t.Run("live", func(t *testing.T) {
		s := newBusyRoom(t, streamCount/streamsPerUser)
		stop := s.sendConstantly()
		s.openAll(s.openPresent)
		s.close(testTimeout)
		s.eachPeer(func(p *peer) {
			if !p.skipTo("event: server.closing") || p.skipTo("event:") {
				t.Error("server.closing is not the last event")
			}
		})
		stop()
		s.requireNothingLeft()
	})
	t.Run("reads nothing", func(t *testing.T) {
		s := newBusyRoom(t, streamCount/streamsPerUser)
		s.sendLarge(64)
		s.openAll(s.openUnread)
		s.waitUntilBlocked(streamCount)
		s.close(0)
		s.requireNothingLeft()
	})
}

// TestStalledPeersAreDropped checks streams whose peers are alive and read nothing, at a time in the future.
func TestStalledPeersAreDropped(t *testing.T) {
	s := newBusyRoom(t, 2)
	s.sendLarge(64)
	s.openAll(s.openUnread)
	s.waitUntilBlocked(2 * streamsPerUser)
	s.hub.CheckStreams(time.Now().Add(stalledTimeout - time.Minute))
	if streams, _ := s.hub.Count(); streams != 2*streamsPerUser {
		t.Errorf("%d streams of %d are left, though their peers may only be slow", streams, 2*streamsPerUser)
	}
	later := time.Now()
	eventually(t, func() string { // a socket may have taken a little in the meantime
		later = later.Add(2 * stalledTimeout)
		s.hub.CheckStreams(later)
		return s.leftovers()
	})
	s.requireNothingLeft()
}
