package deadline

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// short are limits that tests need not wait for.
var short = Limits{
	Head: time.Second, Idle: time.Second, Body: time.Second, Stall: 300 * time.Millisecond, Linger: 100 * time.Millisecond,
	Grace: time.Minute, Rate: 500,
}

// proxyAddress is that of a proxy.
const proxyAddress = "127.0.0.99"

func proxy(a netip.Addr) bool { return a.String() == proxyAddress }

// serve runs an HTTP server on a Listener, as long as the test.
func serve(t *testing.T, limits Limits, files int, handler http.HandlerFunc) *Listener {
	t.Helper()
	return serveWith(t, limits, files, handler, func(*arrivals) {})
}

// serveWith is serve with a listener whose arrivals are changed before it starts.
func serveWith(
	t *testing.T, limits Limits, files int, handler http.HandlerFunc, change func(*arrivals),
) *Listener {
	t.Helper()
	tcp, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewListener(tcp.(*net.TCPListener), limits, files, proxy, slog.New(slog.DiscardHandler))
	change(&l.arrivals)
	server := &http.Server{
		Handler: handler, ConnState: l.Track, ConnContext: WithConn, ReadHeaderTimeout: limits.Head,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
		eventually(t, "all connections are forgotten", func() bool { requests, _ := l.Connections(); return requests == 0 })
	})
	return l
}

// ask opens a connection from an address of the loopback, with a small buffer, and asks for something.
func ask(t *testing.T, l *Listener, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(128 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

func eventually(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !isSo(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("it did not happen: %s", what)
		}
	}
}

// large is more than the buffers of a connection take.
var large = bytes.Repeat([]byte("large "), 4<<20)

// largeFile is a file with the same in it.
func largeFile(t *testing.T) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, large, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// TestResponseThatNobodyReads writes to peers that read nothing, whatever way the response takes.
func TestResponseThatNobodyReads(t *testing.T) {
	for name, write := range map[string]func(w http.ResponseWriter) error{
		"at once": func(w http.ResponseWriter) error { _, err := w.Write(large); return err },
		"from a reader": func(w http.ResponseWriter) error {
			_, err := io.Copy(w, struct{ io.Reader }{bytes.NewReader(large)})
			return err
		},
		"from a file": func(w http.ResponseWriter) error {
			_, err := io.CopyN(w, largeFile(t), int64(len(large)))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			failed := make(chan error, 1)
			l := serve(t, short, 0, func(w http.ResponseWriter, _ *http.Request) { failed <- write(w) })
			ask(t, l, "127.0.0.1")
			if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the response ended with %v", err)
			}
			eventually(t, "the connection is closed", func() bool { requests, _ := l.Connections(); return requests == 0 })
		})
	}
}

// TestResponseThatIsReadSlowly has a peer that takes much longer than one that takes nothing may, and gets everything.
func TestResponseThatIsReadSlowly(t *testing.T) {
	for name, write := range map[string]func(w http.ResponseWriter) error{
		"at once": func(w http.ResponseWriter) error { _, err := w.Write(large); return err },
		"from a file": func(w http.ResponseWriter) error {
			_, err := io.CopyN(w, largeFile(t), int64(len(large)))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			failed := make(chan error, 1)
			l := serve(t, short, 0, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Connection", "close")
				w.Header().Set("Content-Length", strconv.Itoa(len(large)))
				failed <- write(w)
			})
			conn := ask(t, l, "127.0.0.1")
			sum, pause := sha256.New(), time.NewTicker(short.Stall/3)
			defer pause.Stop()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			for err == nil {
				_, err = io.CopyN(sum, res.Body, int64(len(large)/10))
				<-pause.C
			}
			if err := <-failed; err != nil || [32]byte(sum.Sum(nil)) != sha256.Sum256(large) {
				t.Errorf("another response came, and it ended with %v", err)
			}
		})
	}
}

// TestResponseThatIsReadTooSlowly has a peer that takes something all the time, and all too little.
func TestResponseThatIsReadTooSlowly(t *testing.T) {
	limits := short
	limits.Grace, limits.Rate = limits.Stall, 1<<30
	failed := make(chan error, 1)
	l := serve(t, limits, 0, func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(large)
		failed <- err
	})
	conn := ask(t, l, "127.0.0.1")
	ctx, stop := context.WithCancel(t.Context())
	trickle := make(chan struct{})
	go func() {
		defer close(trickle)
		tick := time.NewTicker(limits.Stall / 30)
		defer tick.Stop()
		for ctx.Err() == nil {
			if _, err := conn.Read(make([]byte, 4096)); err != nil {
				return
			}
			<-tick.C
		}
	}()
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the response ended with %v", err)
	}
	stop()
	<-trickle
}

func TestAllowed(t *testing.T) {
	l := Limits{Grace: time.Minute, Rate: 500}
	if got := l.Allowed(30_000); got != 2*time.Minute {
		t.Errorf("30,000 bytes may take %v", got)
	}
}
