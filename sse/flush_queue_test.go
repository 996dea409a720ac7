package sse

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
)

// TestFlushQueue takes streams in shares, in the order in which they were added, each once.
func TestFlushQueue(t *testing.T) {
	q := newFlushQueue(2)
	var added, taken []*Stream
	for range 3 * flushShare / 2 {
		added = append(added, &Stream{})
	}
	q.add(added[:3])
	q.add(added[3:])
	if len(q.wake) != 2 {
		t.Errorf("%d of 2 flushers are woken", len(q.wake))
	}
	end := q.end()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	q.waitTaken(ended, end) // returns, although nothing was taken
	for share := q.take(nil); len(share) > 0; share = q.take(nil) {
		if len(share) > flushShare {
			t.Errorf("%d streams were taken at once", len(share))
		}
		taken = append(taken, share...)
	}
	if !slices.Equal(taken, added) {
		t.Error("the streams that were taken are not those that were added, in their order")
	}
	q.waitTaken(t.Context(), end)
}

// TestWaitTaken waits for the streams that were added before, although others are added all the time, so that the queue
// is never empty.
func TestWaitTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newFlushQueue(1)
		q.add(make([]*Stream, 3*flushShare))
		end := q.end()
		var done atomic.Bool
		go func() {
			q.waitTaken(t.Context(), end)
			done.Store(true)
		}()
		for round := range 100 {
			synctest.Wait() // it waits, or has ended
			if taken := round >= 3; done.Load() != taken {
				t.Fatalf("after %d shares, the wait has ended: %t", round, done.Load())
			}
			q.add(make([]*Stream, flushShare))
			q.take(nil)
		}
		if n := len(q.streams); n > 8*flushShare {
			t.Errorf("the queue of %d streams has grown to %d", 3*flushShare, n)
		}
	})
}

// TestJoiner joins what streams have queued, the same and different slices in turn.
func TestJoiner(t *testing.T) {
	a, b, c := []byte("a"), []byte("bb"), []byte("ccc")
	var j joiner
	for _, queue := range [][][]byte{{a, b}, {a, b}, {a, c}, {a}, {b, a}, {a, b, c}, {a, b}, {a[1:], b}} {
		want := string(slices.Concat(queue...))
		if got := j.join(queue[0], queue[1:], len(want)); string(got) != want {
			t.Errorf("%q were joined to %q", queue, got)
		}
	}
	j.reset()
	b[0] = 'x'
	if got := j.join(a, [][]byte{b}, 3); string(got) != "axb" {
		t.Errorf("after a reset, an earlier result was returned: %q", got)
	}
}

// TestYieldLetsNetworkRun yields on one core while another goroutine waits for data that has arrived. It gets the data
// although the core is never idle.
func TestYieldLetsNetworkRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	y := newNetworkYield()
	defer y.close()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	var got atomic.Int64
	go func() {
		var b [1]byte
		for {
			if _, err := reader.Read(b[:]); err != nil {
				return
			}
			got.Add(1)
		}
	}()
	for i := range int64(1000) {
		if _, err := writer.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			y.yield()
		}
		if got.Load() != i+1 {
			t.Fatalf("%d of %d bytes were read", got.Load(), i+1)
		}
	}
}

// TestFlusherWorksAfterLongYields yields while all cores are busy, so that each yield takes a few time slices of
// others. A flusher works most of the time all the same; when yields are short again, it yields after each share.
func TestFlusherWorksAfterLongYields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const share, shares = 100 * time.Microsecond, 10_000 // a second of work
		took := 20 * time.Millisecond
		yields := 0
		f := flusher{yield: func() {
			yields++
			<-time.After(took)
		}}
		began := time.Now()
		for range shares {
			<-time.After(share)
			f.letOthersRun()
		}
		if waited := time.Since(began) - shares*share; yields == 0 || waited > shares*share/3 {
			t.Errorf("%d yields took %v in one second of work", yields, waited)
		}
		took, yields = 5*time.Microsecond, 0
		for range shares {
			<-time.After(share)
			f.letOthersRun()
		}
		if yields < shares*9/10 {
			t.Errorf("the flusher yields after %d of %d shares", yields, shares)
		}
	})
}

// TestYieldClosesItsFiles makes and closes the pipes of flushers: none of their files stays open.
func TestYieldClosesItsFiles(t *testing.T) {
	before := currentResources().files
	for range 100 {
		y := newNetworkYield()
		y.yield()
		y.close()
	}
	if files := currentResources().files; files > before+50 { // other tests' connections come and go
		t.Errorf("%d files are open, and were %d", files, before)
	}
}

// heldRig is a rig whose hub has no flushers: what has to be flushed waits until the test does it.
type heldRig struct {
	*rig
	sender models.Login
	room   int64
	peers  []*peer
}

// newHeldRig opens streams that are attached, and holds a message for all of them.
func newHeldRig(t *testing.T) *heldRig {
	t.Helper()
	const streams = 2 * flushShare
	h := &heldRig{rig: newRigWith(t, Limits{}, func(s *store.Store) Log { return s }, func(h *Hub) {
		h.flushes = newFlushQueue(0)
	})}
	h.sender = h.signUp("ada")
	var users []models.Login
	for i := range streams {
		users = append(users, h.signUp(fmt.Sprint("user", i)))
	}
	h.room, _ = h.rig.room(h.sender, users...)
	for _, l := range users {
		h.peers = append(h.peers, h.watch(l, h.room, ""))
	}
	h.attached()
	h.flush()
	h.send(h.sender, h.room, "held")
	eventually(t, func() string {
		if n := h.waiting(); n != streams {
			return fmt.Sprintf("%d of %d streams wait to be flushed", n, streams)
		}
		return ""
	})
	return h
}

// waiting returns how many streams wait to be flushed.
func (h *heldRig) waiting() int {
	q := h.hub.flushes
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.streams) - q.next
}

func (h *heldRig) flush() {
	others := newNetworkYield()
	f := flusher{hub: h.hub, yield: others.yield}
	defer others.close()
	f.flushAll()
}

// streamOf returns the stream of a peer.
func (h *heldRig) streamOf(p *peer) *Stream {
	h.t.Helper()
	for _, s := range h.streams() {
		if s.conn.RemoteAddr().String() == p.LocalAddr().String() {
			return s
		}
	}
	h.t.Fatal("the peer has no stream")
	return nil
}

// requireMessage reads up to the message with the text. Each event before it is about presence.
func (h *heldRig) requireMessage(p *peer, text string) {
	h.t.Helper()
	events := p.until(h.t, `"text":"`+text+`"`)
	for _, e := range events[:len(events)-1] {
		if !strings.HasPrefix(e.name, "presence.") {
			h.t.Errorf("%s came before the message", e.name)
		}
	}
}

// requireOthers checks that all peers but the first get the message, and the one that is sent next.
func (h *heldRig) requireOthers() {
	h.t.Helper()
	at := h.send(h.sender, h.room, "next")
	eventually(h.t, func() string {
		h.flush()
		if h.hub.currentPosition() < at.Position {
			return "the log consumer does not continue"
		}
		return ""
	})
	h.flush()
	for _, p := range h.peers[1:] {
		h.requireMessage(p, "held")
		h.requireMessage(p, "next")
	}
}

// TestStreamsEndWhileTheyWaitToBeFlushed ends a stream in each way while it is in the flush queue.
func TestStreamsEndWhileTheyWaitToBeFlushed(t *testing.T) {
	t.Run("the peer closes", func(t *testing.T) {
		h := newHeldRig(t)
		reset(h.peers[0])
		h.requireStreams(len(h.peers) - 1)
		h.flush()
		h.requireOthers()
	})
	t.Run("only the write notices that the peer has closed", func(t *testing.T) {
		h := newHeldRig(t)
		s := h.streamOf(h.peers[0])
		h.hub.peers.forget(s)
		reset(h.peers[0])
		h.flush()
		if n, _ := h.hub.Count(); n != len(h.peers)-1 {
			t.Errorf("%d streams are left after the flush, want %d", n, len(h.peers)-1)
		}
		h.requireOthers()
	})
	t.Run("it gets its last frame", func(t *testing.T) {
		h := newHeldRig(t)
		s := h.streamOf(h.peers[0])
		h.hub.withLock(func() { h.hub.finishStream(s, ephemeralFrame("", models.EventSessionRevoked, struct{}{})) })
		h.requireMessage(h.peers[0], "held")
		if e := h.peers[0].next(t); e.name != string(models.EventSessionRevoked) {
			t.Errorf("%s came in place of the last event", e.name)
		}
		h.peers[0].requireEnd(t)
		h.flush()
		h.requireOthers()
	})
	t.Run("the server stops", func(t *testing.T) {
		h := newHeldRig(t)
		h.close(testTimeout)
		for _, p := range h.peers {
			h.requireMessage(p, "held")
			for e := p.next(t); e.name != string(models.EventServerClosing); e = p.next(t) {
				if e.name != string(models.EventPresenceLeft) { // of those who were closed first
					t.Errorf("%s came in place of server.closing", e.name)
				}
			}
			if _, err := io.ReadAll(p.lines); err != nil {
				t.Error(err)
			}
		}
		h.flush()
	})
}

// requireStreams waits until the hub has n streams.
func (h *heldRig) requireStreams(n int) {
	h.t.Helper()
	eventually(h.t, func() string {
		if streams, _ := h.hub.Count(); streams != n {
			return fmt.Sprintf("%d streams are left, want %d", streams, n)
		}
		return ""
	})
}

// emptyLog is a log without events, users and mutes.
type emptyLog struct{ Log }

func (emptyLog) Head(context.Context) (models.Cursor, error) { return models.Cursor{}, nil }

func (emptyLog) Visibility(context.Context, int64, int64) (models.Visibility, error) {
	return models.Visibility{}, nil
}

// TestTypingAndPresenceAreJoined has users type, enter and leave while no flusher runs: the requests write nothing to a
// stream in the room, which has no connection here. It waits for a flusher, once, with all frames for one write.
func TestTypingAndPresenceAreJoined(t *testing.T) {
	const roomID = 1
	in := models.Room{ID: roomID}
	enter := func(h *Hub) error {
		return h.enterLocal(t.Context(), models.Caller{UserID: 2}, "other", in, models.UserRef{ID: 2})
	}
	exit := func(h *Hub) error { return h.exitLocal(models.Caller{UserID: 2}, "other", roomID) }
	typing := func(h *Hub) error {
		h.SendTyping(roomID, models.UserRef{ID: 2})
		return nil
	}
	for name, first := range map[string]func(h *Hub) error{"enter": enter, "typing": typing, "exit": exit} {
		t.Run(name, func(t *testing.T) {
			h := &Hub{
				log: emptyLog{}, rooms: map[int64]*room{}, streams: map[string]*Stream{}, flushes: newFlushQueue(1),
				remote: newRemotePresence(),
			}
			watcher := &Stream{hub: h, id: "watcher", userID: 1}
			h.streams["watcher"], h.streams["other"] = watcher, &Stream{hub: h, id: "other", userID: 2}
			h.enter(watcher, roomID, presenceInfo{})
			if name == "exit" {
				h.enter(h.streams["other"], roomID, presenceInfo{})
			}
			watcher.discard(watcher.queueSize) // as if it had been written
			h.toFlush = nil
			for _, request := range []func(h *Hub) error{first, enter, typing, exit} {
				if err := request(h); err != nil {
					t.Error(err)
				}
			}
			times := 0
			for _, s := range h.flushes.take(nil) {
				if s == watcher {
					times++
				}
			}
			if times != 1 {
				t.Errorf("the stream waits %d times for a flusher", times)
			}
			want := 4
			if name == "enter" {
				want = 3 // the second time changes nothing
			}
			if n := 1 + len(watcher.queueTail); n != want {
				t.Errorf("%d frames are queued, want %d", n, want)
			}
		})
	}
}
