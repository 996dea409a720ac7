package loadtest

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

// headBuffer is the size of the buffer for the response head. The body after it is mostly read directly.
const headBuffer = 1024

// leanStream is an event stream on its own connection, without the two goroutines and the buffers of net/http's client:
// with ten thousand streams, these would be most of this program's memory.
type leanStream struct {
	conn    net.Conn
	body    io.Reader
	unwatch func() bool // stops watching the context, whose end closes the connection
}

func (l *leanStream) close() {
	l.unwatch()
	l.conn.Close()
}

// openLean opens an event stream. The caller must close it; the end of ctx closes it too.
func openLean(ctx context.Context, c *remote.Client, query, token, lastID string) (*leanStream, error) {
	opening, cancel := context.WithTimeout(ctx, remote.ResponseTimeout)
	defer cancel()
	req, err := c.NewStreamRequest(opening, query, lastID)
	if err != nil {
		return nil, err
	}
	remote.Authorize(req, token)
	conn, err := dialFor(opening, req.URL)
	if err != nil {
		return nil, remote.LostError{Err: err}
	}
	stop := context.AfterFunc(opening, func() { conn.Close() })
	res, err := exchange(conn, req) //nolint:bodyclose // it holds only the connection, which is closed
	if err == nil {
		err = remote.BusyError(res)
	}
	if err == nil && !stop() {
		err = remote.LostError{Err: opening.Err()}
	}
	if err != nil {
		stop()
		conn.Close()
		return nil, err
	}
	return &leanStream{conn, res.Body, context.AfterFunc(ctx, func() { conn.Close() })}, nil
}

// exchange writes the request and reads the response head.
func exchange(conn net.Conn, req *http.Request) (*http.Response, error) {
	if err := req.Write(conn); err != nil {
		return nil, remote.LostError{Err: err}
	}
	res, err := http.ReadResponse(bufio.NewReaderSize(conn, headBuffer), req)
	if err != nil {
		return nil, remote.LostError{Err: err}
	}
	return remote.CheckStatus(req, res)
}

// dialFor connects to the host of a URL.
func dialFor(ctx context.Context, to *url.URL) (net.Conn, error) {
	if to.Scheme == "https" {
		// No HTTP/2: real clients have one connection for each stream.
		dialer := tls.Dialer{Config: &tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}}
		return dialer.DialContext(ctx, "tcp", addressWithPort(to, "443"))
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", addressWithPort(to, "80"))
}

func addressWithPort(of *url.URL, standard string) string {
	if port := of.Port(); port != "" {
		standard = port
	}
	return net.JoinHostPort(of.Hostname(), standard)
}
