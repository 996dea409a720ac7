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
	fewMessages  = 5_000 // still 10 MB, more than the socket buffers between the server and its reader hold
	slowSenders  = 50
	slowText     = 2000     // characters: the backlog of over 40 MB is far larger than what the server may keep in memory
	slowGrowth   = 30 << 20 // bytes by which the heap may grow
)

// TestSlowReaderGetsEverything has one stream that is read at 1 KB/s while 20,000 messages are sent. Another stream
// gets each message at once, the server's memory does not grow by the backlog of the slow stream, and that stream gets
// all messages in order when it is read at full speed. The backlog does not depend on the database, so all 20,000
// messages are sent on SQLite only.
func TestSlowReaderGetsEverything(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		messages := int64(slowMessages)
		if strings.HasPrefix(database, "postgres") {
			messages = fewMessages
		}
		p := harness.StartMeasuredProcess(t, database, "--rate-limit", "off")
		owner := harness.NewClient(t, p.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		slow := openSlowStream(owner, room.ID)
		fast := owner.NewGuestNamed("fast")
		fast.JoinRoom(room.ID)
		follower := fast.ConnectStream(fmt.Sprintf("room=%d", room.ID))

		before := heapSize(owner)
		var senders, readers sync.WaitGroup
		for range slowSenders {
			senders.Go(func() { sendTexts(owner, room.ID, messages/slowSenders) })
		}
		readers.Go(func() { expectInOrder(t, follower.Events, messages) })
		senders.Wait()
		readers.Wait()
		// Garbage counts until the next collection, to which the requests for the metrics lead; a backlog would stay.
		var grown int64
		defer func() {
			t.Logf("the server's heap grew by %d KB with a backlog of over %d KB", grown>>10, messages*slowText>>10)
		}()
		harness.Eventually(t, fmt.Sprintf("the heap grows by at most %d KB", slowGrowth>>10), func() bool {
			grown = heapSize(owner) - before
			return grown <= slowGrowth
		})
		expectInOrder(t, slow.readAtFullSpeed(), messages)
	})
}

// sendTexts sends n messages.
func sendTexts(c *harness.Client, roomID, n int64) {
	text := strings.Repeat("x", slowText)
	for range n {
		a := c.Send("POST", harness.RoomPath(roomID)+"/messages", models.NewMessage{Text: text})
		if a.HTTP.StatusCode != 201 {
			c.T.Error(a)
			return
		}
	}
}

// expectInOrder expects each of the messages exactly once, in the order of the room.
func expectInOrder(t *testing.T, events <-chan harness.Event, messages int64) {
	for next := int64(1); next <= messages; {
		select {
		case e, open := <-events:
			if !open {
				t.Errorf("the stream ended before message %d", next)
				return
			}
			var m models.Message
			if err := e.Decode(&m); err != nil || e.Name == string(models.EventMessageCreated) && m.ID != next {
				t.Errorf("got %v, want message %d (%v)", e, next, err)
				return
			}
			if e.Name == string(models.EventMessageCreated) {
				next++
			}
		case <-time.After(harness.Timeout):
			t.Errorf("timeout: message %d did not arrive", next)
			return
		}
	}
}

// heapSize returns the size of the server's heap in bytes, including garbage.
func heapSize(c *harness.Client) int64 {
	c.T.Helper()
	const name = "\ngo_memstats_heap_alloc_bytes "
	_, rest, found := strings.Cut(string(c.Send("GET", "/metrics", nil).Body), name)
	value, _, _ := strings.Cut(rest, "\n")
	size, err := strconv.ParseFloat(value, 64)
	if !found || err != nil {
		c.T.Fatalf("the metrics have no heap size: %v", err)
	}
	return int64(size)
}

// slowStream is a stream that is read at 1 KB/s until readAtFullSpeed is called.
type slowStream struct {
	t      *testing.T
	conn   net.Conn
	fast   chan struct{} // closed by readAtFullSpeed
	events chan harness.Event
}

// openSlowStream opens a stream on a socket with a small buffer, so that most of the unread data remains at the server.
func openSlowStream(c *harness.Client, roomID int64) *slowStream {
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
	s := &slowStream{t: t, conn: conn, fast: make(chan struct{}), events: make(chan harness.Event)}
	head := bufio.NewReaderSize(conn, 16) // the minimum, so that what follows the head remains in the socket
	response, err := http.ReadResponse(head, nil)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("the stream was refused: %v %v", response, err)
	}
	buffered, err := head.Peek(head.Buffered())
	if err != nil {
		t.Fatal(err)
	}
	body := io.MultiReader(bytes.NewReader(buffered), s)
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

// Read returns at most 1 KB a second from the connection, until readAtFullSpeed is called.
func (s *slowStream) Read(b []byte) (int, error) {
	select {
	case <-s.fast:
		return s.conn.Read(b)
	case <-time.After(time.Second):
		return io.LimitReader(s.conn, 1024).Read(b)
	}
}

// readAtFullSpeed ends the limit of the speed and returns the events.
func (s *slowStream) readAtFullSpeed() <-chan harness.Event {
	close(s.fast)
	return s.events
}
