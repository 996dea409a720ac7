package stream

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	slowMessages = 20_000
	fewMessages  = 5_000 // still 10 MB, more than the sockets between the server and its reader hold
	slowSenders  = 50
	slowText     = 2000     // characters: the backlog, over 40 MB, is far larger than what the server may keep in memory
	slowGrowth   = 30 << 20 // bytes
)

// TestSlowReader lets one reader take 1 KB/s while 20,000 messages are sent. The others see each message as it is sent;
// the server keeps nothing for the slow one; and when it reads on, it gets all of them in order. What the server keeps
// does not depend on the database, so all 20,000 are sent on SQLite only, whose memory is the server's own.
func TestSlowReader(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		messages := int64(slowMessages)
		if strings.HasPrefix(database, "postgres") {
			messages = fewMessages
		}
		p := harness.StartProcess(t, database, "--rate-limit", "off")
		owner := harness.NewClient(t, p.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		slow := openSlowly(owner, room.ID)
		fast := owner.NewGuestNamed("fast")
		fast.JoinRoom(room.ID)
		follower := fast.ConnectStream(fmt.Sprintf("room=%d", room.ID))

		before := heapOf(owner)
		var senders, readers sync.WaitGroup
		for range slowSenders {
			senders.Go(func() { sendMany(owner, room.ID, messages/slowSenders) })
		}
		readers.Go(func() { inOrder(t, follower.Events, messages) })
		senders.Wait()
		readers.Wait()
		grown := heapOf(owner) - before
		t.Logf("the server's heap grew by %d KB beside a backlog of over %d KB", grown>>10, messages*slowText>>10)
		if grown > slowGrowth {
			t.Errorf("that is more than %d KB", slowGrowth>>10)
		}
		inOrder(t, slow.readOn(), messages)
	})
}

func sendMany(c *harness.Client, roomID, n int64) {
	text := strings.Repeat("x", slowText)
	for range n {
		a := c.Send("POST", harness.RoomPath(roomID)+"/messages", models.NewMessage{Text: text})
		if a.HTTP.StatusCode != 201 {
			c.T.Error(a)
			return
		}
	}
}

// inOrder takes all messages and wants each once, in the room's order.
func inOrder(t *testing.T, events <-chan harness.Event, messages int64) {
	for next := int64(1); next <= messages; {
		select {
		case e, open := <-events:
			if !open {
				t.Errorf("the stream ended before message %d", next)
				return
			}
			var m models.Message
			if err := e.Decode(&m); err != nil || e.Name == string(models.EventMessageCreated) && m.ID != next {
				t.Errorf("%v came where message %d was due (%v)", e, next, err)
				return
			}
			if e.Name == string(models.EventMessageCreated) {
				next++
			}
		case <-time.After(harness.Timeout):
			t.Errorf("nothing came where message %d was due", next)
			return
		}
	}
}

// heapOf is the server's heap in bytes, garbage included.
func heapOf(c *harness.Client) int64 {
	c.T.Helper()
	const name = "\ngo_memstats_heap_alloc_bytes "
	_, rest, found := strings.Cut(string(c.Send("GET", "/metrics", nil).Body), name)
	value, _, _ := strings.Cut(rest, "\n")
	size, err := strconv.ParseFloat(value, 64)
	if !found || err != nil {
		c.T.Fatalf("no heap in the metrics: %v", err)
	}
	return int64(size)
}

// slowStream is a stream whose peer takes 1 KB/s, until it is told to read on.
type slowStream struct {
	t      *testing.T
	conn   net.Conn
	hurry  chan struct{}
	events chan harness.Event
}

// openSlowly opens a stream over a socket with a small buffer, so that most of what is not read stays with the server.
func openSlowly(c *harness.Client, roomID int64) *slowStream {
	t := c.T.(*testing.T)
	u, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "GET /v1/events?room=%d HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		roomID, u.Host, c.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	s := &slowStream{t: t, conn: conn, hurry: make(chan struct{}), events: make(chan harness.Event)}
	head := bufio.NewReaderSize(conn, 16) // the least there is: what follows the head stays with the server
	response, err := http.ReadResponse(head, nil)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("the stream was refused: %v %v", response, err)
	}
	begun, err := head.Peek(head.Buffered())
	if err != nil {
		t.Fatal(err)
	}
	body := io.MultiReader(bytes.NewReader(begun), s)
	done, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer close(s.events)
		_ = harness.ReadEvents(body, func(e harness.Event) bool {
			select {
			case s.events <- e:
				return true
			case <-stop:
				return false
			}
		})
	}()
	t.Cleanup(func() { close(stop); _ = conn.Close(); <-done })
	return s
}

// Read is the peer: 1 KB, then a second of nothing.
func (s *slowStream) Read(b []byte) (int, error) {
	select {
	case <-s.hurry:
		return s.conn.Read(b)
	case <-time.After(time.Second):
		return io.LimitReader(s.conn, 1024).Read(b)
	}
}

func (s *slowStream) readOn() <-chan harness.Event {
	close(s.hurry)
	return s.events
}
