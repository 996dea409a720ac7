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

// sendWithExpectContinue makes a request with "Expect: 100-continue", and sends the body only if the server responds
// with 100 Continue. It returns whether the server did, and the final response.
func sendWithExpectContinue(
	c *harness.Client, method, path string, body []byte, headers ...string,
) (continued bool, a *harness.Response) {
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
	responses := bufio.NewReader(connection)
	send := func(b []byte) {
		if _, err := connection.Write(b); err != nil {
			c.T.Fatal(err)
		}
		if a.HTTP, err = http.ReadResponse(responses, req); err != nil {
			c.T.Fatal(err)
		}
	}
	send(append(head.Bytes(), "\r\n"...))
	if continued = a.HTTP.StatusCode == http.StatusContinue; continued {
		send(body)
	}
	defer func() { _ = a.HTTP.Body.Close() }()
	if a.Body, err = io.ReadAll(a.HTTP.Body); err != nil {
		c.T.Fatal(err)
	}
	a.CheckContract(true)
	return continued, a
}

// sendAfterContinue expects 100 Continue, then sends the body, and returns the final response.
func sendAfterContinue(c *harness.Client, method, path string, body []byte, headers ...string) *harness.Response {
	c.T.Helper()
	continued, a := sendWithExpectContinue(c, method, path, body, headers...)
	if !continued {
		c.T.Fatalf("%v\nwant 100 Continue first", a)
	}
	return a
}

// expectNoContinue expects the server to refuse the request without 100 Continue, and returns the response.
func expectNoContinue(c *harness.Client, method, path string, body []byte, headers ...string) *harness.Response {
	c.T.Helper()
	continued, a := sendWithExpectContinue(c, method, path, body, headers...)
	if continued {
		c.T.Errorf("the server asked for the body before this response: %v", a)
	}
	return a
}
