package sse

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// failingHijacker is a ResponseWriter whose connection cannot be hijacked, or is not usable.
type failingHijacker struct {
	*httptest.ResponseRecorder
	hijack func() net.Conn
}

func (r failingHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn := r.hijack()
	if conn == nil {
		return nil, nil, errors.New("cannot hijack")
	}
	return conn, nil, nil
}

// TestFailedOpenLeavesNothing makes Open fail after the stream was registered, in all ways in which it can.
func TestFailedOpenLeavesNothing(t *testing.T) {
	closed := func() net.Conn {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		return conn
	}
	for name, c := range map[string]struct {
		hijack func() net.Conn
		failed bool // with an error response
	}{
		"the connection cannot be hijacked": {func() net.Conn { return nil }, true},
		"the connection is closed":          {closed, false},
		"the connection is not a socket":    {func() net.Conn { ours, _ := net.Pipe(); return ours }, false},
		"a panic":                           {func() net.Conn { panic("on purpose") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newBusyRoom(t, 1)
			open := func() (err error) {
				defer func() { _ = recover() }()
				caller := models.Caller{UserID: s.users[0].User.ID, SessionID: s.users[0].SessionID}
				o := OpenRequest{Caller: caller, Rooms: []int64{s.roomID}}
				w := failingHijacker{httptest.NewRecorder(), c.hijack}
				return s.hub.Open(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), o)
			}
			for range streamsPerUser + 1 {
				if err := open(); (err != nil) != c.failed {
					t.Errorf("Open returned %v", err)
				}
			}
			s.requireNothingLeft()
			s.openAll(s.openPresent) // the user's limit is not used up
			s.eachPeer(reset)
			s.requireNothingLeft()
		})
	}
}

// TestStreamEndsBeforeItStarts ends streams after they are registered and before they have a connection.
func TestStreamEndsBeforeItStarts(t *testing.T) {
	t.Run("logged out", func(t *testing.T) {
		s := newBusyRoom(t, 1)
		l := s.users[0]
		s.beforeHijack = func() {
			if _, err := s.store.LogOut(context.Background(), l.User.ID, l.SessionID); err != nil {
				t.Error(err)
			}
			head, err := s.store.Head(context.Background())
			if err == nil {
				err = s.hub.waitForPosition(context.Background(), head.Position)
			}
			if err != nil {
				t.Error(err)
			}
		}
		p := s.open(l, s.roomID, "")
		if !p.skipTo("event: session.revoked") || p.skipTo("event:") {
			t.Error("session.revoked is not the last event")
		}
		s.peers = append(s.peers, p)
		s.requireNothingLeft()
	})
	t.Run("the server has stopped", func(t *testing.T) {
		s := newBusyRoom(t, 1)
		closing := make(chan struct{})
		s.beforeHijack = func() {
			go func() { s.close(0); close(closing) }()
			s.waitUntilOpen(0)
		}
		p := s.dial(s.users[0], s.roomID, "")
		s.peers = append(s.peers, p)
		if p.skipTo("event:") {
			t.Error("a stream was opened")
		}
		<-closing
		s.requireNothingLeft()
	})
}

// TestLastFrameOfAFullSocket logs a session out before its stream has its connection, which takes nothing. The stream
// ends all the same, after lastFrameTimeout.
func TestLastFrameOfAFullSocket(t *testing.T) {
	r := newRig(t, Limits{})
	ada := r.signUp("ada")
	r.hub.withLock(func() { r.hub.lastFrameTimeout = 100 * time.Millisecond })
	w := failingHijacker{httptest.NewRecorder(), func() net.Conn {
		if _, err := r.store.LogOut(context.Background(), ada.User.ID, ada.SessionID); err != nil {
			t.Error(err)
		}
		r.waitForHead()
		return fullSocket(t)
	}}
	caller := models.Caller{UserID: ada.User.ID, SessionID: ada.SessionID}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.must(r.hub.Open(w, request, OpenRequest{Caller: caller}))
	eventually(t, func() string {
		if streams, _ := r.hub.Count(); streams != 0 {
			return "the stream still waits for its peer"
		}
		return ""
	})
}

// fullSocket returns a connection whose peer reads nothing, and whose buffers are full.
func fullSocket(t *testing.T) net.Conn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	for err == nil { // until nothing was taken for a while
		_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, err = conn.Write(make([]byte, 64<<10))
	}
	return conn
}

// TestReusedFileDescriptors closes streams while new ones get the same file descriptors in a busy room. No stream may
// be mistaken for another.
func TestReusedFileDescriptors(t *testing.T) {
	s := newBusyRoom(t, 1)
	stop := s.sendConstantly()
	staying := s.open(s.owner, s.roomID, "")
	for range 200 {
		p := s.openPresent(s.users[0])
		next := make(chan *peer)
		go func() { next <- s.openPresent(s.users[0]) }()
		reset(p)
		q := <-next
		if !q.skipTo("event: message.created") {
			t.Error("a stream ended together with another")
		}
		_ = q.Close()
		s.waitUntilOpen(1)
	}
	stop()
	s.send(s.owner, s.roomID, "the end")
	if !staying.skipTo("data: {") {
		t.Error("a stream ended together with another")
	}
	_ = staying.Close()
	s.requireNothingLeft()
	s.hub.peers.mu.Lock()
	defer s.hub.peers.mu.Unlock()
	for socket, one := range s.hub.peers.streams {
		if one != nil {
			t.Errorf("file descriptor %d is still watched for a stream that has ended", socket)
		}
	}
}

// TestOpeningWaitsWithoutSlot opens a stream on a connection whose peer has not read an earlier response: the head of
// the stream has to wait for the peer. It holds no slot meanwhile, or a few such peers would keep all others out.
func TestOpeningWaitsWithoutSlot(t *testing.T) {
	s := newBusyRoom(t, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	defer listener.Close()
	ours, err := net.Dial("tcp", listener.Addr().String())
	s.must(err)
	theirs, err := listener.Accept()
	s.must(err)
	defer theirs.Close()
	unread := fillSocket(t, ours)
	caller := models.Caller{UserID: s.users[0].User.ID, SessionID: s.users[0].SessionID}
	w := failingHijacker{httptest.NewRecorder(), func() net.Conn { return ours }}
	s.must(s.hub.Open(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody), OpenRequest{Caller: caller}))
	eventually(t, func() string {
		slots := s.hub.replaySlots
		slots.mu.Lock()
		defer slots.mu.Unlock()
		if slots.free != replaySlotCount {
			return "a stream holds a slot while it waits for its peer"
		}
		return ""
	})
	_, err = io.CopyN(io.Discard, theirs, unread)
	s.must(err)
	tcp, _ := theirs.(*net.TCPConn)
	if p := (&peer{TCPConn: tcp, lines: bufio.NewReader(theirs)}); !p.skipTo("event: ready") {
		t.Error("the stream did not start when its peer read again")
	}
}

// fillSocket writes to a connection until it takes no more, and returns how much it took.
func fillSocket(t *testing.T, conn net.Conn) (bytes int64) {
	t.Helper()
	sock, err := newSocket(conn)
	if err != nil {
		t.Fatal(err)
	}
	for full := 0; full < 100; { // the kernel moves some of it to the peer, and then takes more
		n, err := sock.tryWrite(make([]byte, 4<<10))
		if err != nil {
			t.Fatal(err)
		}
		bytes += int64(n)
		if n == 0 {
			full++
			runtime.Gosched()
		}
	}
	return bytes
}
