package middleware

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/deadline"
)

const (
	// keepAliveSize is the largest rest of a body, in bytes, that is read so that the connection can be kept, and
	// keepAliveTime how long the server waits for it. Usually it has arrived with the request's head.
	keepAliveSize = 4 << 10
	keepAliveTime = 10 * time.Millisecond
	// maxDiscarded bounds how much of an unwanted body is read, in bytes.
	maxDiscarded = 64 << 20
)

// CloseUnread closes the connection of a request whose body was not read to its end, instead of waiting for the rest.
// The response is sent at once. Then the body is read and discarded for limits.Linger, because a client that is still
// sending when the connection closes may never see the response (RFC 9112, section 9.6).
func CloseUnread(limits deadline.Limits) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Body == nil || r.Body == http.NoBody {
				next.ServeHTTP(w, r)
				return
			}
			body := &requestBody{ReadCloser: r.Body, size: r.ContentLength}
			a := &bodyResponse{ResponseWriter: w, r: r, body: body}
			read := r.WithContext(r.Context()) // net/http looks at the body of its own request
			read.Body = body
			next.ServeHTTP(a, read)
			a.finish(limits.Linger)
		})
	}
}

// requestBody is a body that records whether it was read to its end.
type requestBody struct {
	io.ReadCloser
	size  int64 // bytes; -1 if unknown
	read  int64
	ended bool
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// bodyResponse is the response to a request that has a body.
type bodyResponse struct {
	http.ResponseWriter
	r     *http.Request
	body  *requestBody
	begun bool
	taken bool // the connection was handed over to a stream
}

func (a *bodyResponse) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader tells the client if the connection closes after the response.
func (a *bodyResponse) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.begin(status)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *bodyResponse) Write(b []byte) (int, error) {
	a.begin(http.StatusOK)
	return a.ResponseWriter.Write(b)
}

// Hijack hands the connection over.
func (a *bodyResponse) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(a.ResponseWriter).Hijack()
	a.taken = a.taken || err == nil
	return conn, buffered, err
}

func (a *bodyResponse) begin(status int) {
	if a.begun {
		return
	}
	a.begun = true
	if a.nearEnd(status) {
		a.discard(keepAliveTime, keepAliveSize)
	}
	if !a.body.ended {
		a.Header().Set("Connection", "close")
	}
}

// nearEnd reports whether the rest of the body is likely to have arrived, or about to.
func (a *bodyResponse) nearEnd(status int) bool {
	switch {
	case a.body.ended, a.r.Header.Get("Expect") != "": // the client does not send the body before it is asked to
		return false
	case a.r.Method == http.MethodGet, a.r.Method == http.MethodHead:
		return false // a failed read ends the request's context, which the response may still need
	case a.body.size < 0: // chunked: after a failed read no chunk can be read
		return status < http.StatusBadRequest
	}
	return a.body.size-a.body.read <= keepAliveSize
}

// finish sends the response and discards what still arrives of the body, until the client has seen the response.
func (a *bodyResponse) finish(wait time.Duration) {
	if a.body.ended || a.taken {
		return
	}
	a.begin(http.StatusOK)
	if http.NewResponseController(a.ResponseWriter).Flush() == nil {
		a.discard(wait, maxDiscarded)
	}
}

// discard reads on for a while. Its deadline also ends what net/http reads by itself before it closes the connection.
func (a *bodyResponse) discard(wait time.Duration, limit int64) {
	if http.NewResponseController(a.ResponseWriter).SetReadDeadline(time.Now().Add(wait)) == nil {
		_, _ = io.CopyN(io.Discard, a.body, limit+1) // an error ends it
	}
}
