package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
)

// TestUnreadAnswersAreBounded has one caller leave as many large answers unread as it may. It is asked to read them first,
// others are not; and when its connections end its share is free again. What was done is told of all the same.
func TestUnreadAnswersAreBounded(t *testing.T) {
	body := json.RawMessage(`"` + string(bytes.Repeat([]byte("x"), unreadOfCaller/2)) + `"`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.ParseInt(r.Header.Get("X-Caller"), 10, 64)
		r = withContext(r, &reqContext{id: "test", limits: deadline.Default(), caller: models.Caller{UserID: id}})
		plain(body).write(w, r, jsonType)
	}))
	defer server.Close()
	ask := func(method string, caller int) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Caller", strconv.Itoa(caller))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	waiting := func() int {
		unread.mu.Lock()
		defer unread.mu.Unlock()
		return unread.waiting["7"]
	}
	var open []net.Conn
	for waiting()+len(body) <= unreadOfCaller {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
			t.Fatal(err)
		}
		before := waiting()
		if _, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Caller: 7\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
		await(t, "the answer is under way", func() bool { return waiting() > before })
	}
	if status := ask(http.MethodGet, 7); status != http.StatusTooManyRequests {
		t.Errorf("one more answer is %d", status)
	}
	if status := ask(http.MethodGet, 8); status != http.StatusOK {
		t.Errorf("another caller's answer is %d", status)
	}
	if status := ask(http.MethodPost, 7); status != http.StatusOK {
		t.Errorf("what was done is answered %d", status)
	}
	for _, conn := range open {
		_ = conn.Close()
	}
	await(t, "all is given back", func() bool {
		unread.mu.Lock()
		defer unread.mu.Unlock()
		return unread.all == 0 && len(unread.waiting) == 0
	})
	if status := ask(http.MethodGet, 7); status != http.StatusOK {
		t.Errorf("the next answer is %d", status)
	}
}
