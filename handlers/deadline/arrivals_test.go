package deadline

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// fewStarting are arrivals of which four may be starting, two of one network, for as long as they take.
func fewStarting(a *arrivals) { a.maxStarting, a.startTime = 4, time.Hour }

// waitingArrivals returns how many connections wait to be served.
func waitingArrivals(l *Listener) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arrivals.waiting
}

// TestArrivalsWait has more connections arrive than may start, all but one from one network. They wait, that of the
// other network does not, and all are served in the end.
func TestArrivalsWait(t *testing.T) {
	handler, letGo := waiting()
	l := serveWith(t, short, 0, handler, fewStarting)
	var conns []net.Conn
	for range 6 {
		conns = append(conns, ask(t, l, "127.0.0.1"))
	}
	eventually(t, "two are served and the others wait", func() bool { return busy(l) == 2 && waitingArrivals(l) == 4 })
	conns = append(conns, ask(t, l, "127.0.0.2"))
	eventually(t, "the other network is served", func() bool { return busy(l) == 3 && waitingArrivals(l) == 4 })
	for range 3 {
		conns = append(conns, ask(t, l, proxyAddress))
	}
	eventually(t, "there are as many as may start", func() bool { return busy(l) == 4 && waitingArrivals(l) == 6 })
	close(letGo)
	for i, c := range conns {
		if !gotResponse(t, c) {
			t.Errorf("connection %d got no response", i)
		}
	}
}

// TestSilentArrivalsHoldUpNobody opens connections that send nothing. They do not count as starting for long.
func TestSilentArrivalsHoldUpNobody(t *testing.T) {
	patient := short
	patient.Head = time.Minute
	l := serveWith(t, patient, 0, func(http.ResponseWriter, *http.Request) {}, func(a *arrivals) {
		a.maxStarting, a.startTime = 4, 10*time.Millisecond
	})
	for range 8 {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	if !gotResponse(t, ask(t, l, "127.0.0.1")) {
		t.Error("there was no response")
	}
}

// TestStreamsMakeRoomForArrivals releases connections as streams: they are no longer starting.
func TestStreamsMakeRoomForArrivals(t *testing.T) {
	streams := make(chan *Stream)
	l := serveWith(t, short, 0, func(w http.ResponseWriter, r *http.Request) {
		s, err := takeOver(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		streams <- s
	}, fewStarting)
	for range 8 {
		ask(t, l, "127.0.0.1")
		s := <-streams
		t.Cleanup(func() { _ = s.Close() })
	}
}

// TestArrivalsEnd closes connections that wait: when their server closes, after the longest wait, and when there is no
// room for one of another network.
func TestArrivalsEnd(t *testing.T) {
	t.Run("the server closes", func(t *testing.T) {
		handler, letGo := waiting()
		defer close(letGo)
		l := serveWith(t, short, 0, handler, fewStarting)
		for range 2 {
			ask(t, l, "127.0.0.1")
		}
		last := ask(t, l, "127.0.0.1")
		eventually(t, "it waits", func() bool { return waitingArrivals(l) == 1 })
		_ = l.Close()
		closed(t, last)
	})
	t.Run("it has waited too long", func(t *testing.T) {
		handler, letGo := waiting()
		defer close(letGo)
		l := serveWith(t, short, 0, handler, func(a *arrivals) {
			a.maxStarting, a.startTime, a.wait = 4, 20*time.Millisecond, 0
		})
		l.mu.Lock()
		l.arrivals.maxStarting = 0
		l.mu.Unlock()
		closed(t, ask(t, l, "127.0.0.1"))
	})
	t.Run("there is no room", func(t *testing.T) {
		handler, letGo := waiting()
		l := serveWith(t, short, 5*perRequest, handler, fewStarting)
		var conns []net.Conn
		for i := range 5 {
			conns = append(conns, ask(t, l, "127.0.0.1"))
			eventually(t, "it has arrived", func() bool { return requests(l)+waitingArrivals(l) == i+1 })
		}
		closed(t, ask(t, l, "127.0.0.1"))
		other := ask(t, l, "127.0.0.2")
		closed(t, conns[4])
		close(letGo)
		for i, c := range append(conns[:4], other) {
			if !gotResponse(t, c) {
				t.Errorf("connection %d got no response", i)
			}
		}
	})
}

// TestFloodLeavesOthersTheirIdleConnections floods a listener with more connections from one network than there are
// places. Those that wait count in the network's share, so others keep their idle connections, and those who come later
// take the places of the flood.
func TestFloodLeavesOthersTheirIdleConnections(t *testing.T) {
	const places, kept, flood = 40, 10, 60
	letGo := make(chan struct{})
	l := serveWith(t, short, places*perRequest, func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.RemoteAddr, "127.0.0.2:") {
			<-letGo
		}
	}, fewStarting)
	defer close(letGo)
	idle := func() int { return requests(l) - busy(l) }
	for range kept {
		if !gotResponse(t, ask(t, l, "127.0.0.1")) {
			t.Fatal("a connection that is to be kept got no response")
		}
	}
	eventually(t, "they are idle", func() bool { return idle() == kept })

	var last net.Conn
	for i := range flood {
		last = ask(t, l, "127.0.0.2")
		if i < places-kept {
			eventually(t, "it has arrived", func() bool { return requests(l)+waitingArrivals(l) == kept+i+1 })
		}
	}
	closed(t, last)
	if n := idle(); n != kept {
		t.Errorf("the other network has %d of its %d idle connections", n, kept)
	}
	if n := requests(l) + waitingArrivals(l); n != places {
		t.Errorf("%d of %d places are taken", n, places)
	}
	if !gotResponse(t, ask(t, l, "127.0.0.3")) {
		t.Error("one that came later was refused")
	}
	eventually(t, "it is idle too", func() bool { return idle() == kept+1 })
}
