package handlers

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
	// settleSize is the largest rest of a body, in bytes, for whose sake a connection is kept, and settleTime how long it
	// is waited for: mostly it came with the request's head.
	settleSize = 4 << 10
	settleTime = 10 * time.Millisecond
	// lingerSize bounds what is read of a body that nobody wants, in bytes.
	lingerSize = 64 << 20
)

// closeUnread ends the connection of a request whose body was not read to its end: nobody waits for the rest of it. The
// answer is sent at once. Then what comes is thrown away for a moment, since a client that is still sending when the
// connection closes may never see what it was answered (RFC 9112, section 9.6).
func closeUnread(limits deadline.Limits) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Body == nil || r.Body == http.NoBody {
				next.ServeHTTP(w, r)
				return
			}
			body := &requestBody{ReadCloser: r.Body, size: r.ContentLength}
			a := &bodyAnswer{ResponseWriter: w, r: r, body: body}
			read := r.WithContext(r.Context()) // net/http looks at the body of its own request
			read.Body = body
			next.ServeHTTP(a, read)
			a.linger(limits.Linger)
		})
	}
}

// requestBody is a body that knows whether it was read to its end.
type requestBody struct {
	io.ReadCloser
	size  int64 // bytes; -1 for not known
	read  int64
	ended bool
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// bodyAnswer is the answer to a request that has a body.
type bodyAnswer struct {
	http.ResponseWriter
	r     *http.Request
	body  *requestBody
	begun bool
	taken bool // the connection was handed over to a stream
}

func (a *bodyAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader tells the client when the connection ends with the answer.
func (a *bodyAnswer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.begin(status)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *bodyAnswer) Write(b []byte) (int, error) {
	a.begin(http.StatusOK)
	return a.ResponseWriter.Write(b)
}

// Hijack hands the connection over.
func (a *bodyAnswer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(a.ResponseWriter).Hijack()
	a.taken = a.taken || err == nil
	return conn, buffered, err
}

func (a *bodyAnswer) begin(status int) {
	if a.begun {
		return
	}
	a.begun = true
	if a.mayEnd(status) {
		a.discard(settleTime, settleSize)
	}
	if !a.body.ended {
		a.Header().Set("Connection", "close")
	}
}

// mayEnd reports whether the rest of the body is likely to be here, or about to be.
func (a *bodyAnswer) mayEnd(status int) bool {
	switch {
	case a.body.ended, a.r.Header.Get("Expect") != "": // which does not come unless it is waited for
		return false
	case a.r.Method == http.MethodGet, a.r.Method == http.MethodHead:
		return false // a read that fails ends the request's context, which the answer may yet need
	case a.body.size < 0: // in chunks, of which none can be read after a read that failed
		return status < http.StatusBadRequest
	}
	return a.body.size-a.body.read <= settleSize
}

// linger sends the answer and takes what still comes of the body, until the client sees that nobody wants it.
func (a *bodyAnswer) linger(patience time.Duration) {
	if a.body.ended || a.taken {
		return
	}
	a.begin(http.StatusOK)
	if http.NewResponseController(a.ResponseWriter).Flush() == nil {
		a.discard(patience, lingerSize)
	}
}

// discard reads on for a while. What net/http then reads by itself before it closes the connection ends with it.
func (a *bodyAnswer) discard(patience time.Duration, most int64) {
	if http.NewResponseController(a.ResponseWriter).SetReadDeadline(time.Now().Add(patience)) == nil {
		_, _ = io.CopyN(io.Discard, a.body, most+1) // an error is the end of it
	}
}
