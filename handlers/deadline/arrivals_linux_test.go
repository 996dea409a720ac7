package deadline

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestSilentArrivalsStartShortly opens more connections that send nothing, or a part of a head, than may be starting.
// They soon do not count as starting, while those that have sent a request do, however long it takes.
func TestSilentArrivalsStartShortly(t *testing.T) {
	patient := short
	patient.Head = time.Minute
	handler, letGo := waiting()
	l := serveWith(t, patient, 0, handler, func(a *arrivals) {
		a.maxStarting, a.startTime, a.silentTime = 4, time.Hour, time.Millisecond
	})
	for _, sent := range []string{"", "", "", "G", "GET / HTTP/1.1\r\n", "", ""} {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
	}
	first, second := ask(t, l, "127.0.0.1"), ask(t, l, "127.0.0.1")
	eventually(t, "two are served", func() bool { return busy(l) == 2 })
	third := ask(t, l, "127.0.0.1")
	eventually(t, "the third waits", func() bool { return waitingArrivals(l) == 1 })
	l.mu.Lock()
	starting := l.arrivals.starting.Len()
	l.mu.Unlock()
	if starting != 2 {
		t.Errorf("%d connections count as starting, not two", starting)
	}
	close(letGo)
	for _, c := range []net.Conn{first, second, third} {
		if !gotResponse(t, c) {
			t.Error("there was no response")
		}
	}
}
