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

// caller makes one request after the other over a connection that it keeps. It parses no more of the answers than it
// must: what a client takes of the machine, the server beside it goes without.
type caller struct {
	conn    net.Conn
	answers *bufio.Reader
	next    func() []byte // the next request
	status  string        // that each answer must have
	size    int           // that each answer's body must have; 0 for any
}

func newCaller(b *testing.B, url, status string, next func() []byte) *caller {
	b.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &caller{conn: conn, answers: bufio.NewReader(conn), next: next, status: status}
}

// requestBytes is a request of the member's as it is sent.
func requestBytes(member *harness.Client, method, path string, body []byte) []byte {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n",
		method, path, strings.TrimPrefix(member.URL, "http://"), member.AccessToken)
	if body != nil {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return append([]byte(head+"\r\n"), body...)
}

// sameRequest is a caller's next where all its requests are the same.
func sameRequest(request []byte) func() []byte { return func() []byte { return request } }

// call makes the next request and waits for its answer.
func (c *caller) call() error {
	if _, err := c.conn.Write(c.next()); err != nil {
		return err
	}
	line, err := c.answers.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 "+c.status+" ")) {
		return fmt.Errorf("a request was answered %q", line)
	}
	size, err := c.header()
	if err != nil {
		return err
	}
	if c.size != 0 && size != c.size {
		return fmt.Errorf("an answer has %d bytes, others %d", size, c.size)
	}
	_, err = c.answers.Discard(size)
	return err
}

// header reads the answer's header and answers the size of the body.
func (c *caller) header() (size int, err error) {
	sized := c.status == "204"
	for {
		line, err := c.answers.ReadSlice('\n')
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
		return 0, errors.New("an answer does not say how long it is")
	}
	return size, nil
}

// calls are what workers do of a caller each.
func calls(callers []*caller) []func() error {
	work := make([]func() error, len(callers))
	for i, c := range callers {
		work[i] = c.call
	}
	return work
}

// workFor has each of the workers work side by side, again and again for a while, and answers how often per second they
// did between them.
func workFor(b *testing.B, workers []func() error, duration time.Duration) float64 {
	b.Helper()
	done, took := countWork(b, workers, duration)
	return done / took.Seconds()
}

// countWork is workFor that answers how often they did, and how long it took.
func countWork(b *testing.B, workers []func() error, duration time.Duration) (times float64, took time.Duration) {
	b.Helper()
	start := time.Now()
	end := start.Add(duration)
	done := workWhile(b, workers, func() bool { return time.Now().Before(end) })
	return float64(done), time.Since(start)
}
