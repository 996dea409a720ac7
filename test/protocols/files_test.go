package protocols

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

// sendWhenReady makes a request whose body is sent only when the server has said that it is ready for it; if it ever
// is.
func sendWhenReady(c *harness.Client, method, path string, body []byte, headers ...string) (ready bool, a *harness.Response) {
	c.T.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		c.T.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(harness.Timeout)); err != nil {
		c.T.Fatal(err)
	}
	req, err := http.NewRequestWithContext(c.T.Context(), method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		c.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.AccessToken)
	req.Header.Set("Expect", "100-continue")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", method, path, req.URL.Host, len(body))
	_ = req.Header.Write(&head) // never fails
	a = &harness.Response{T: c.T, Request: req, RequestBody: body}
	answers := bufio.NewReader(connection)
	send := func(b []byte) {
		if _, err := connection.Write(b); err != nil {
			c.T.Fatal(err)
		}
		if a.HTTP, err = http.ReadResponse(answers, req); err != nil {
			c.T.Fatal(err)
		}
	}
	send(append(head.Bytes(), "\r\n"...))
	if ready = a.HTTP.StatusCode == http.StatusContinue; ready {
		send(body)
	}
	defer func() { _ = a.HTTP.Body.Close() }()
	if a.Body, err = io.ReadAll(a.HTTP.Body); err != nil {
		c.T.Fatal(err)
	}
	a.CheckContract(true)
	return ready, a
}

// sendAfterContinue wants the server to be ready for the body, and answers what it said after it had come.
func sendAfterContinue(c *harness.Client, method, path string, body []byte, headers ...string) *harness.Response {
	c.T.Helper()
	ready, a := sendWhenReady(c, method, path, body, headers...)
	if !ready {
		c.T.Fatalf("%v\ncame before the body, in place of 100 Continue", a)
	}
	return a
}

// expectNoContinue wants the server to answer without having waited for the body.
func expectNoContinue(c *harness.Client, method, path string, body []byte, headers ...string) *harness.Response {
	c.T.Helper()
	ready, a := sendWhenReady(c, method, path, body, headers...)
	if ready {
		c.T.Errorf("the server was ready for a body that it refused: %v", a)
	}
	return a
}
