package upload

import (
	"io"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// slowBody is a body that may take any time, as long as bytes keep arriving, and not too slowly on average.
type slowBody struct {
	r      io.Reader
	limits deadline.Limits
	extend func(until time.Time) // moves the read deadline
	ended  func()                // called at the end of the body
	start  time.Time
	read   int64 // bytes
	err    error // that ended the body
}

// Body returns the request's body, which may take as long as its client keeps sending.
func Body(w http.ResponseWriter, r *http.Request) io.Reader {
	connection := http.NewResponseController(w)
	return newSlowBody(r, func(until time.Time) { _ = connection.SetReadDeadline(until) }, func() {})
}

func newSlowBody(r *http.Request, extend func(until time.Time), ended func()) *slowBody {
	return &slowBody{r: r.Body, limits: request.From(r).Limits, extend: extend, ended: ended, start: time.Now()}
}

// Read moves the deadline before each read. net/http removes it at the end of the body, since later bytes belong to the
// connection's next request; so nothing is read after an error.
func (b *slowBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	until := time.Now().Add(b.limits.Stall)
	if end := b.start.Add(b.limits.Allowed(b.read)); end.Before(until) {
		until = end
	}
	b.extend(until)
	n, err := b.r.Read(p)
	b.read += int64(n)
	b.err = err
	if err != nil {
		b.ended()
	}
	if err != nil && err != io.EOF {
		b.err = &models.Error{Code: models.CodeMalformedBody, Message: "The body could not be read to its end.", Err: err}
	}
	return n, b.err
}
