package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// wire is a connection on which a test writes a request byte by byte.
type wire struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// dial opens a connection to the server and sends the head of a POST. Headers are lines without their ends.
func (c *client) dial(path string, headers ...string) *wire {
	c.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(c.t.Context(), "tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	w := &wire{t: c.t, conn: conn, r: bufio.NewReader(conn)}
	lines := []string{"POST " + path + " HTTP/1.1", "Host: parley"}
	if c.AccessToken != "" {
		lines = append(lines, "Authorization: Bearer "+c.AccessToken)
	}
	w.write(strings.Join(append(lines, headers...), "\r\n") + "\r\n\r\n")
	return w
}

func (w *wire) write(s string) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, s); err != nil {
		w.t.Fatal(err)
	}
}

// isReady wants 100 Continue as the very next thing, without a byte of the body having been sent.
func (w *wire) isReady() {
	w.t.Helper()
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if line, err := w.r.ReadString('\n'); err != nil || line != want {
			w.t.Fatalf("got %q, %v, wanted %q", line, err, want)
		}
	}
}

// answer reads the final answer, and fails when another status comes first.
func (w *wire) answer(status int, v any) {
	w.t.Helper()
	res, err := http.ReadResponse(w.r, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err == nil && res.StatusCode != status {
		w.t.Fatalf("got %d %s, wanted %d", res.StatusCode, body, status)
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", body, err)
	}
}

func (w *wire) refusal(status int, code models.Code) {
	w.t.Helper()
	var p models.Problem
	w.answer(status, &p)
	if p.Code != code {
		w.t.Errorf("got %+v, wanted %s", p, code)
	}
}

const expects = "Expect: 100-continue"

func length(n int) string { return fmt.Sprintf("Content-Length: %d", n) }

// TestExpectContinue asks before it sends. Who may send hears so before any byte of the file; who may not gets the final
// answer in its place.
func TestExpectContinue(t *testing.T) {
	play(t, []scenario{
		{"taken", testContinue}, {"refused", testNoContinue}, {"over the quota", testNoContinueQuota},
	}, "--max-file-size", "2MB", "--file-quota", "3MB")
}

func testContinue(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	files := roomPath(room.ID) + "/files"

	w := anna.dial(files+"?name=a.txt", "Content-Type: text/plain", length(5), expects)
	w.isReady()
	w.write("hello")
	var f models.File
	w.answer(201, &f)
	if f.Name != "a.txt" || f.SHA256 != digestOf([]byte("hello")) {
		t.Errorf("got %+v", f)
	}

	w = anna.dial(files, "Transfer-Encoding: chunked", expects) // without a type, and of a length that nobody knows
	w.isReady()
	w.write("5\r\nhello\r\n0\r\n\r\n")
	w.answer(201, &f)
	if f.Name != "file" || f.MediaType != "text/plain" {
		t.Errorf("got %+v", f)
	}

	body := rawForm(filePart("b.txt", "hello"))
	w = anna.dial(files, "Content-Type: "+goodType, length(len(body)), expects)
	w.isReady()
	w.write(body)
	w.answer(201, &f)
	if f.Name != "b.txt" {
		t.Errorf("got %+v", f)
	}

	body = rawForm(fieldPart("text", "see this"), filePart("c.txt", "hello"))
	w = anna.dial(roomPath(room.ID)+"/messages", "Content-Type: "+goodType, length(len(body)), expects)
	w.isReady()
	w.write(body)
	var m models.Message
	w.answer(201, &m)
	if m.Text != "see this" || len(m.Files) != 1 {
		t.Errorf("got %+v", m)
	}
}

func testNoContinue(t *testing.T, c *client) {
	anna, bert, outcast := c.newcomer("anna"), c.newcomer("bert"), c.newcomer("outcast")
	public, private := anna.publicRoom(outcast), anna.privateRoom()
	anna.call("PUT", banPath(public.ID, outcast), nil).status(200)
	late := *bert
	late.AccessToken += "x"
	raw, inForm := "Content-Type: text/plain", "Content-Type: "+goodType
	for _, r := range []struct {
		what   string
		who    *client
		room   models.Room
		size   int
		status int
		code   models.Code
	}{
		{"no token", c, public, 5, 401, models.CodeUnauthenticated},
		{"a bad token", &late, public, 5, 401, models.CodeUnauthenticated},
		{"no member of a public room", bert, public, 5, 403, models.CodeForbidden},
		{"a stranger to a private room", bert, private, 5, 404, models.CodeNotFound},
		{"banned", outcast, public, 5, 403, models.CodeBanned},
		{"too large", anna, public, 5_000_000, 413, models.CodeTooLarge},
		{"no room", anna, models.Room{ID: 1 << 40}, 5, 404, models.CodeNotFound},
	} {
		t.Log(r.what)
		files, messages := roomPath(r.room.ID)+"/files", roomPath(r.room.ID)+"/messages"
		r.who.dial(files, raw, length(r.size), expects).refusal(r.status, r.code)
		r.who.dial(files, inForm, length(r.size), expects).refusal(r.status, r.code)
		r.who.dial(messages, inForm, length(r.size), expects).refusal(r.status, r.code)
	}
	anna.dial(roomPath(public.ID)+"/files", raw, length(2_000_001), expects).refusal(413, models.CodeTooLarge)
	anna.dial(roomPath(public.ID)+"/files", raw, length(2_000_000), expects).isReady()
}

func testNoContinueQuota(_ *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	files, messages := roomPath(room.ID)+"/files", roomPath(room.ID)+"/messages"
	anna.upload(room.ID, "large.bin", anyType, make([]byte, 2_000_000))
	anna.dial(files, length(1_000_001), expects).refusal(413, models.CodeTooLarge)
	anna.dial(files, "Content-Type: "+goodType, length(1_000_001+models.MaxBodyBytes), expects).refusal(413, models.CodeTooLarge)
	anna.dial(messages, "Content-Type: "+goodType, length(1_000_001+models.MaxBodyBytes), expects).refusal(413, models.CodeTooLarge)
	anna.dial(files, length(1_000_000), expects).isReady()
}

const anyType = "application/octet-stream"
