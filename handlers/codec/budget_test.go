package codec_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// TestLargeBodiesShareABudget lets clients begin as many large bodies as are read at once, and end none of them. The
// next large one is refused with 503; small ones are not affected, and when a client disconnects its share is free
// again. One network leaves half of the budget to others.
func TestLargeBodiesShareABudget(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := request.Client{Other: r.Header.Get("From")}
		r = request.With(r, &request.Context{ID: "test", Client: client, Limits: deadline.Default()})
		if body, err := codec.ReadBody(w, r); err != nil {
			problem.Write(w, r, err)
		} else {
			codec.Write(w, http.StatusOK, codec.JSON, fmt.Append(nil, len(body)))
		}
	}))
	defer server.Close()
	const all = 128 << 20 / (models.MaxBodyBytes * 8) // large bodies at once
	var open []net.Conn
	begin := func(n int, network string) {
		for range n {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
			_, err = fmt.Fprintf(conn,
				"POST / HTTP/1.1\r\nHost: x\r\nFrom: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
				network, models.MaxBodyBytes, strings.Repeat(" ", limit.SmallBody+1))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	large := func(network string) int { return post(t, server.URL, network, models.MaxBodyBytes) }
	// A body that arrives while the last answered request still has its share is refused, so each check begins another.
	full := func(probe string, networks ...string) func() bool {
		return func() bool {
			for _, network := range networks {
				begin(1, network)
			}
			return large(probe) == http.StatusServiceUnavailable
		}
	}
	begin(all/2-1, "a")
	if status := large("a"); status != http.StatusOK {
		t.Errorf("one network may have fewer than half of the bodies: %d", status)
	}
	await(t, "one network has its half", full("a", "a"))
	await(t, "another network has the rest", func() bool { return large("b") == http.StatusOK })
	begin(all/2-1, "b")
	await(t, "all of the budget is taken", full("c", "a", "b"))
	if status := post(t, server.URL, "c", limit.SmallBody-1); status != http.StatusOK {
		t.Errorf("a small body gets %d", status)
	}
	for _, conn := range open {
		_ = conn.Close()
	}
	await(t, "a large body is accepted again", func() bool { return large("a") == http.StatusOK })
}

func post(t *testing.T, url, from string, size int) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(strings.Repeat(" ", size)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", codec.JSON)
	r.Header.Set("From", from)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// await repeats a check until it succeeds.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}
