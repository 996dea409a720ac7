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
			response := &bodyResponse{ResponseWriter: w, r: r, body: body}
			read := r.WithContext(r.Context()) // net/http looks at the body of its own request
			read.Body = body
			next.ServeHTTP(response, read)
			response.finish(limits.Linger)
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

func (b *bodyResponse) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// WriteHeader tells the client if the connection closes after the response.
func (b *bodyResponse) WriteHeader(status int) {
	if status >= http.StatusOK {
		b.begin(status)
	}
	b.ResponseWriter.WriteHeader(status)
}

func (b *bodyResponse) Write(p []byte) (int, error) {
	b.begin(http.StatusOK)
	return b.ResponseWriter.Write(p)
}

// Hijack hands the connection over.
func (b *bodyResponse) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(b.ResponseWriter).Hijack()
	b.taken = b.taken || err == nil
	return conn, buffered, err
}

func (b *bodyResponse) begin(status int) {
	if b.begun {
		return
	}
	b.begun = true
	if b.nearEnd(status) {
		b.discard(keepAliveTime, keepAliveSize)
	}
	if !b.body.ended {
		b.Header().Set("Connection", "close")
	}
}

// nearEnd reports whether the rest of the body is likely to have arrived, or about to.
func (b *bodyResponse) nearEnd(status int) bool {
	switch {
	case b.body.ended, b.r.Header.Get("Expect") != "": // the client does not send the body before it is asked to
		return false
	case b.r.Method == http.MethodGet, b.r.Method == http.MethodHead:
		return false // a failed read ends the request's context, which the response may still need
	case b.body.size < 0: // chunked: after a failed read no chunk can be read
		return status < http.StatusBadRequest
	}
	return b.body.size-b.body.read <= keepAliveSize
}

// finish sends the response and discards what still arrives of the body, until the client has seen the response.
func (b *bodyResponse) finish(wait time.Duration) {
	if b.body.ended || b.taken {
		return
	}
	b.begin(http.StatusOK)
	if http.NewResponseController(b.ResponseWriter).Flush() == nil {
		b.discard(wait, maxDiscarded)
	}
}

// discard reads on for a while. Its deadline also ends what net/http reads by itself before it closes the connection.
func (b *bodyResponse) discard(wait time.Duration, limit int64) {
	if http.NewResponseController(b.ResponseWriter).SetReadDeadline(time.Now().Add(wait)) == nil {
		_, _ = io.CopyN(io.Discard, b.body, limit+1) // an error ends it
	}
}
