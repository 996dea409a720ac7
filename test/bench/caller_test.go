package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

// caller makes one request after the other over one connection. It parses as little of the responses as possible,
// because the clients take their CPU time from the server that is measured.
type caller struct {
	conn      net.Conn
	responses *bufio.Reader
	next      func() []byte // returns the next request
	status    string        // the status that each response must have
	size      int           // the size that each response's body must have; 0 for any
}

func newCaller(b *testing.B, url, status string, next func() []byte) *caller {
	b.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &caller{conn: conn, responses: bufio.NewReader(conn), next: next, status: status}
}

// requestBytes returns a request of a member as it is sent. body may be nil.
func requestBytes(member *harness.Client, method, path string, body []byte) []byte {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n",
		method, path, strings.TrimPrefix(member.URL, "http://"), member.AccessToken)
	if body != nil {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return append([]byte(head+"\r\n"), body...)
}

// sameRequest returns the next function of a caller that repeats one request.
func sameRequest(request []byte) func() []byte { return func() []byte { return request } }

// call sends the next request and waits for its response.
func (c *caller) call() error {
	if _, err := c.conn.Write(c.next()); err != nil {
		return err
	}
	line, err := c.responses.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 "+c.status+" ")) {
		return fmt.Errorf("got response %q, want status %s", line, c.status)
	}
	size, err := c.header()
	if err != nil {
		return err
	}
	if c.size != 0 && size != c.size {
		return fmt.Errorf("got a response of %d bytes, want %d", size, c.size)
	}
	_, err = c.responses.Discard(size)
	return err
}

// header reads the rest of the response's header and returns the size of the body.
func (c *caller) header() (size int, err error) {
	sized := c.status == "204"
	for {
		line, err := c.responses.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if size, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
			sized = true
		}
	}
	if !sized {
		return 0, errors.New("a response has no Content-Length")
	}
	return size, nil
}

// calls returns a worker for each caller.
func calls(callers []*caller) []func() error {
	work := make([]func() error, len(callers))
	for i, c := range callers {
		work[i] = c.call
	}
	return work
}

// workFor runs all workers concurrently, again and again for a duration, and returns the sum of their calls per second.
func workFor(b *testing.B, workers []func() error, duration time.Duration) float64 {
	b.Helper()
	done, took := countWork(b, workers, duration)
	return done / took.Seconds()
}

// countWork is workFor that returns the number of calls, and the time that they took.
func countWork(b *testing.B, workers []func() error, duration time.Duration) (times float64, took time.Duration) {
	b.Helper()
	start := time.Now()
	end := start.Add(duration)
	done := workWhile(b, workers, func() bool { return time.Now().Before(end) })
	return float64(done), time.Since(start)
}
