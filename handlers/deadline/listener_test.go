package deadline

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// gotResponse reads a response, and reports whether there was one.
func gotResponse(t *testing.T, conn net.Conn) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close()) == nil
}

// closed waits for the end of a connection on which nothing more is to come.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection is open: %d bytes, %v", n, err)
	}
}

// waiting returns a handler that responds when letGo is closed.
func waiting() (handler http.HandlerFunc, letGo chan struct{}) {
	letGo = make(chan struct{})
	return func(http.ResponseWriter, *http.Request) { <-letGo }, letGo
}

// busy is how many connections have a request under way.
func busy(l *Listener) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if c.idle.Load() == 0 {
			n++
		}
	}
	return n
}

func requests(l *Listener) int { n, _ := l.Connections(); return n }

// TestIdleConnectionsGiveWay fills the room with connections that are kept for a next request, and comes once more.
func TestIdleConnectionsGiveWay(t *testing.T) {
	const files = 4 * perRequest // two networks, with two connections each
	l := serve(t, short, files, func(http.ResponseWriter, *http.Request) {})
	var conns []net.Conn
	open := func(from string) {
		conns = append(conns, ask(t, l, from))
		if !gotResponse(t, conns[len(conns)-1]) {
			t.Fatalf("connection %d was refused", len(conns))
		}
		eventually(t, "it is idle", func() bool { return busy(l) == 0 }) // a moment after its response
	}
	open("127.0.0.1")
	open("127.0.0.2")
	open("127.0.0.1")
	open("127.0.0.1") // as many as it may have, so its own oldest goes
	closed(t, conns[0])
	open("127.0.0.3")
	open("127.0.0.4") // no room at all: who has most makes some
	closed(t, conns[2])
	if n := requests(l); n != 4 {
		t.Errorf("%d connections are open", n)
	}
}

// TestProxiesHaveAllOfTheRoom opens connections from a proxy: they are of many clients, and may fill the room.
func TestProxiesHaveAllOfTheRoom(t *testing.T) {
	const files = 4 * perRequest
	l := serve(t, short, files, func(http.ResponseWriter, *http.Request) {})
	for range files / perRequest {
		if !gotResponse(t, ask(t, l, proxyAddress)) {
			t.Fatal("a connection of the proxy was refused")
		}
	}
	if n := requests(l); n != files/perRequest {
		t.Errorf("%d connections are open", n)
	}
}

// TestBusyNetworkLeavesIdleOnesToGiveWay has the network with the most connections busy with all of them: others are
// idle.
func TestBusyNetworkLeavesIdleOnesToGiveWay(t *testing.T) {
	letGo := make(chan struct{})
	l := serve(t, short, 4*perRequest, func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.RemoteAddr, "127.0.0.1:") {
			<-letGo
		}
	})
	defer close(letGo)
	ask(t, l, "127.0.0.1")
	ask(t, l, "127.0.0.1")
	eventually(t, "both are served", func() bool { return busy(l) == 2 })
	for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
		if !gotResponse(t, ask(t, l, from)) {
			t.Fatalf("%s was refused", from)
		}
	}
	eventually(t, "the others are idle", func() bool { return busy(l) == 2 })
	if !gotResponse(t, ask(t, l, "127.0.0.4")) {
		t.Error("nobody idle gave way")
	}
}

// TestNoRoom fills the room with requests. A new connection is closed; when one is done it finds room. That connections
// are closed is logged once.
func TestNoRoom(t *testing.T) {
	handler, letGo := waiting()
	l := serve(t, short, 2*perRequest, handler)
	logged := logTo(l)
	first, second := ask(t, l, "127.0.0.1"), ask(t, l, "127.0.0.2")
	eventually(t, "both are served", func() bool { return busy(l) == 2 })
	for _, from := range []string{"127.0.0.1", "127.0.0.3"} {
		if gotResponse(t, ask(t, l, from)) {
			t.Errorf("one more from %s got a response", from)
		}
	}
	if lines := logged(); strings.Count(lines, "connections are refused") != 1 {
		t.Errorf("logged %q", lines)
	}
	close(letGo)
	if !gotResponse(t, first) || !gotResponse(t, second) {
		t.Error("those that were served got no response")
	}
	eventually(t, "both are idle", func() bool { return busy(l) == 0 })
	if !gotResponse(t, ask(t, l, "127.0.0.3")) {
		t.Error("there was no response when there was room")
	}
}

// takeOver takes the connection of a request over as a stream.
func takeOver(w http.ResponseWriter, r *http.Request) (*Stream, error) {
	return ConnOf(r.Context()).Hijack(func() error {
		_, _, err := http.NewResponseController(w).Hijack()
		return err
	})
}

// TestStreamsHaveTheirPlaces takes connections over as streams: they count as one file each, not as those of a network,
// and their end makes room. When there is none, the request has a response like any other.
func TestStreamsHaveTheirPlaces(t *testing.T) {
	const files = perRequest * streamShare // room for one request beside the streams
	streams := make(chan *Stream, files)
	l := serve(t, short, files, func(w http.ResponseWriter, r *http.Request) {
		s, err := takeOver(w, r)
		if errors.Is(err, ErrFull) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		streams <- s
	})
	var open []*Stream
	for range files - files/streamShare {
		ask(t, l, "127.0.0.1")
		s := <-streams
		if s == nil {
			t.Fatalf("there is no room after %d streams", len(open))
		}
		open = append(open, s)
		if requests, streams := l.Connections(); requests != 0 || streams != len(open) {
			t.Errorf("%d requests and %d streams are counted", requests, streams)
		}
	}
	if !gotResponse(t, ask(t, l, "127.0.0.1")) {
		t.Error("there was no response when there was no room")
	}
	for _, s := range open {
		_ = s.Close()
		_ = s.Close()
	}
	if _, streams := l.Connections(); streams != 0 {
		t.Errorf("%d streams are counted when all are closed", streams)
	}
}

// TestFailedHijackFreesItsPlace fails to take a connection over: it is no stream then, and its request has a response.
func TestFailedHijackFreesItsPlace(t *testing.T) {
	failed := errors.New("failed")
	got := make(chan error, 1)
	l := serve(t, short, 0, func(_ http.ResponseWriter, r *http.Request) {
		_, err := ConnOf(r.Context()).Hijack(func() error { return failed })
		got <- err
	})
	if !gotResponse(t, ask(t, l, "127.0.0.1")) {
		t.Error("there was no response")
	}
	if err := <-got; !errors.Is(err, failed) {
		t.Errorf("got the error %v, want %v", err, failed)
	}
	if requests, streams := l.Connections(); requests != 1 || streams != 0 {
		t.Errorf("%d requests and %d streams are counted, want 1 and 0", requests, streams)
	}
}

// logTo gives a listener a log, and returns a function that returns its lines.
func logTo(l *Listener) (lines func() string) {
	var out strings.Builder
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = slog.New(slog.NewTextHandler(&out, nil))
	return func() string {
		l.mu.Lock()
		defer l.mu.Unlock()
		return out.String()
	}
}

func TestNetworks(t *testing.T) {
	for address, network := range map[string]string{
		"192.0.2.1:5": "192.0.2.1/32", "[::ffff:192.0.2.1]:5": "192.0.2.1/32", "[2001:db8:1:2:3::1]:5": "2001:db8:1:2::/64",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&Listener{proxy: proxy}).networkOf(tcp).String(); got != network {
			t.Errorf("%s is of %s", address, got)
		}
	}
}
