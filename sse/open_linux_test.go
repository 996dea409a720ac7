package sse

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/parley-chat/parley/models"
)

// refusing is a ResponseWriter whose connection cannot be taken over, or not whole.
type refusing struct {
	*httptest.ResponseRecorder
	hijack func() net.Conn
}

func (r refusing) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn := r.hijack()
	if conn == nil {
		return nil, nil, errors.New("not today")
	}
	return conn, nil, nil
}

// TestStreamsThatCannotStart has Open fail after its stream was registered, in each of the ways in which it can.
func TestStreamsThatCannotStart(t *testing.T) {
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
		failed bool // so that somebody can still be told
	}{
		"the connection is not to be had": {func() net.Conn { return nil }, true},
		"the connection is closed":        {closed, false},
		"the connection is no socket":     {func() net.Conn { ours, _ := net.Pipe(); return ours }, false},
		"a panic":                         {func() net.Conn { panic("on purpose") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 1)
			open := func() (err error) {
				defer func() { _ = recover() }()
				o := Opening{Caller: models.Caller{UserID: s.users[0].User.ID, SessionID: s.users[0].SessionID}, Rooms: []int64{s.roomID}}
				w := refusing{httptest.NewRecorder(), c.hijack}
				return s.hub.Open(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), o)
			}
			for range crowdOfUser + 1 {
				if err := open(); (err != nil) != c.failed {
					t.Errorf("Open answered %v", err)
				}
			}
			s.nothingLeft()
			s.fill(s.openFresh) // as many as ever
			s.eachPeer(reset)
			s.nothingLeft()
		})
	}
}

// TestStreamsThatAreOverBeforeTheyStart ends streams between their registration and their connection.
func TestStreamsThatAreOverBeforeTheyStart(t *testing.T) {
	t.Run("logged out", func(t *testing.T) {
		s := newScene(t, 1)
		l := s.users[0]
		s.hijacking = func() {
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
		if !p.sees("event: session.revoked") || p.sees("event:") {
			t.Error("session.revoked is not the last event")
		}
		s.peers = append(s.peers, p)
		s.nothingLeft()
	})
	t.Run("the server has stopped", func(t *testing.T) {
		s := newScene(t, 1)
		closing := make(chan struct{})
		s.hijacking = func() {
			go func() { s.drain(0); close(closing) }()
			s.untilOpen(0)
		}
		p := s.dial(s.users[0], s.roomID, "")
		s.peers = append(s.peers, p)
		if p.sees("event:") {
			t.Error("a stream was opened")
		}
		<-closing
		s.nothingLeft()
	})
}

// TestSocketsAreUsedAgain has peers go and others come, who get the sockets' numbers, while the room is busy: no stream is
// taken for another's.
func TestSocketsAreUsedAgain(t *testing.T) {
	s := newScene(t, 1)
	stop := s.talk()
	staying := s.open(s.owner, s.roomID, "")
	for range 200 {
		p := s.openFresh(s.users[0])
		next := make(chan *peer)
		go func() { next <- s.openFresh(s.users[0]) }()
		reset(p)
		q := <-next
		if !q.sees("event: message.created") {
			t.Error("a stream ended with another")
		}
		_ = q.Close()
		s.untilOpen(1)
	}
	stop()
	s.say(s.owner, s.roomID, "the end")
	if !staying.sees("data: {") {
		t.Error("a stream ended with another")
	}
	_ = staying.Close()
	s.nothingLeft()
	s.hub.peers.mu.Lock()
	defer s.hub.peers.mu.Unlock()
	for socket, one := range s.hub.peers.streams {
		if one != nil {
			t.Errorf("socket %d is still watched for a stream that is over", socket)
		}
	}
}
