package harness

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

// RawConn is a connection on which a test writes a request byte by byte.
type RawConn struct {
	T      testing.TB
	Conn   net.Conn
	Reader *bufio.Reader
}

// DialRaw opens a connection to the server and sends the head of a POST. Headers are whole lines without line ends.
func (c *Client) DialRaw(path string, headers ...string) *RawConn {
	c.T.Helper()
	conn, err := (&net.Dialer{}).DialContext(c.T.Context(), "tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		c.T.Fatal(err)
	}
	c.T.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(Timeout)); err != nil {
		c.T.Fatal(err)
	}
	w := &RawConn{T: c.T, Conn: conn, Reader: bufio.NewReader(conn)}
	lines := []string{"POST " + path + " HTTP/1.1", "Host: parley"}
	if c.AccessToken != "" {
		lines = append(lines, "Authorization: Bearer "+c.AccessToken)
	}
	w.Write(strings.Join(append(lines, headers...), "\r\n") + "\r\n\r\n")
	return w
}

// Write writes to the connection.
func (w *RawConn) Write(s string) {
	w.T.Helper()
	if _, err := io.WriteString(w.Conn, s); err != nil {
		w.T.Fatal(err)
	}
}

// ExpectResponse reads the response, which must have the status, and decodes its JSON body into v.
func (w *RawConn) ExpectResponse(status int, v any) {
	w.T.Helper()
	res, err := http.ReadResponse(w.Reader, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err == nil && res.StatusCode != status {
		w.T.Fatalf("got %d %s, want %d", res.StatusCode, body, status)
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		w.T.Fatalf("%s: %v", body, err)
	}
}

// ExpectProblem reads the response, which must be a problem with the status and the code.
func (w *RawConn) ExpectProblem(status int, code models.Code) {
	w.T.Helper()
	var p models.Problem
	w.ExpectResponse(status, &p)
	if p.Code != code {
		w.T.Errorf("got %+v, want %s", p, code)
	}
}

// ExpectContinueHeader makes the server respond with 100 Continue before it reads the body (RFC 9110, section 10.1.1).
const ExpectContinueHeader = "Expect: 100-continue"

// ContentLengthHeader returns the header line with the length of a body in bytes.
func ContentLengthHeader(n int) string { return fmt.Sprintf("Content-Length: %d", n) }

// OctetStream is the media type of arbitrary bytes.
const OctetStream = "application/octet-stream"
