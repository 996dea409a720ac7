package middleware

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
)

// recorder records what the log line reports of a response. http.ResponseController reaches the methods that it lacks
// through Unwrap.
type recorder struct {
	http.ResponseWriter
	conn   *deadline.Conn // nil if it does not have the rules of that package
	status int
	bytes  int64
	taken  bool // the connection was handed over to a stream
}

func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= http.StatusOK { // a status below 200 only announces the response
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(b []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(b)
	rec.bytes += int64(n)
	return n, err
}

// ReadFrom is Write for a reader: the kernel copies a file to the connection by itself.
func (rec *recorder) ReadFrom(from io.Reader) (int64, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := io.Copy(rec.ResponseWriter, from)
	rec.bytes += n
	return n, err
}

// Hijack hands the connection over to a stream. From then on the stream logs its end and keeps its deadlines. If there
// is no room for another stream, the request goes on.
func (rec *recorder) Hijack() (conn net.Conn, buffered *bufio.ReadWriter, err error) {
	hijack := func() error {
		conn, buffered, err = http.NewResponseController(rec.ResponseWriter).Hijack()
		rec.taken = err == nil
		return err
	}
	if rec.conn == nil {
		err = hijack()
		return conn, buffered, err
	}
	stream, err := rec.conn.Hijack(hijack)
	switch {
	case errors.Is(err, deadline.ErrFull):
		return nil, nil, &models.Error{
			Code: models.CodeUnavailable, Message: "There is no room for another stream.", Err: err,
		}
	case err != nil:
		return nil, nil, err
	}
	return stream, buffered, nil
}

func (rec *recorder) outcome(ctx context.Context) int {
	switch {
	case rec.status != 0:
		return rec.status
	case !rec.taken && ctx.Err() != nil:
		return statusClientGone
	}
	return http.StatusOK
}

func (rec *recorder) begun() bool { return rec.status != 0 || rec.taken }
