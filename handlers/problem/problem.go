package problem

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/handlers/upload/tus"
	"github.com/parley-chat/parley/models"
)

// statuses maps error codes to statuses. Where a protocol prescribes another status, WithStatus sets it.
var statuses = map[models.Code]int{
	models.CodeInvalidRequest:       http.StatusBadRequest,
	models.CodeMalformedBody:        http.StatusBadRequest,
	models.CodeUnauthenticated:      http.StatusUnauthorized,
	models.CodeBadCredentials:       http.StatusUnauthorized,
	models.CodeTokenExpired:         http.StatusUnauthorized,
	models.CodeSessionRevoked:       http.StatusUnauthorized,
	models.CodeForbidden:            http.StatusForbidden,
	models.CodeBanned:               http.StatusForbidden,
	models.CodeBlocked:              http.StatusForbidden,
	models.CodeNotFound:             http.StatusNotFound,
	models.CodeMethodNotAllowed:     http.StatusMethodNotAllowed,
	models.CodeNotAcceptable:        http.StatusNotAcceptable,
	models.CodeUsernameTaken:        http.StatusConflict,
	models.CodeHandleTaken:          http.StatusConflict,
	models.CodeIdempotencyMismatch:  http.StatusConflict,
	models.CodeUploadConflict:       http.StatusConflict,
	models.CodeExpired:              http.StatusGone,
	models.CodePreconditionFailed:   http.StatusPreconditionFailed,
	models.CodeTooLarge:             http.StatusRequestEntityTooLarge,
	models.CodeUnsupportedMediaType: http.StatusUnsupportedMediaType,
	models.CodeBadFile:              http.StatusUnprocessableEntity,
	models.CodeRateLimited:          http.StatusTooManyRequests,
	models.CodeUnavailable:          http.StatusServiceUnavailable,
	models.CodeInternal:             http.StatusInternalServerError,
}

// typePage is the page that describes all codes: with a code it is the type of a problem, an address that leads to the
// section about it. It is relative, like those of Location, so that it is right whatever host name a proxy gives the
// server.
const typePage = "/docs/problems#"

// Write writes err as a problem. A client that asked for an event stream gets a busy stream instead if a retry may
// help. If err is a defect or comes from a broken database, the client gets the request's id, and the log the rest.
func Write(w http.ResponseWriter, r *http.Request, err error) {
	t := request.From(r)
	t.Err = err
	known, status, ok := errorOf(r.Context(), err)
	if !ok {
		return
	}
	t.Status, t.Busy = status, busyReason(status, known)
	h := w.Header()
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", limit.Seconds(known.RetryAfter))
	}
	if t.Busy != "" && wantsStream(r) {
		writeBusy(w, t.Busy, known)
		return
	}
	// A client that asks for MessagePack gets problems in MessagePack; all others get JSON, whatever they asked for.
	mediaType := codec.ProblemJSON
	if codec.Preferred(r, codec.JSON, codec.ProblemJSON, codec.MessagePack) == codec.MessagePack {
		mediaType = codec.MessagePack
	}
	body, err := codec.EncodeAs(mediaType, models.Problem{
		Type: typePage + string(known.Code), Title: titleOf(status), Status: status, Detail: known.Message, Code: known.Code,
		Errors: known.Fields, RequestID: t.ID,
	})
	if err != nil {
		panic(err) // a problem has only strings and a number
	}
	codec.Write(w, status, mediaType, body)
}

// errorOf returns the error that the client of a request with ctx gets for err, and its status. ok is false if the
// client has disconnected, which is what caused err.
func errorOf(ctx context.Context, err error) (known *models.Error, status int, ok bool) {
	switch {
	case errors.As(err, &known):
	case errors.Is(err, context.DeadlineExceeded):
		known = timedOut()
	case ctx.Err() != nil:
		return nil, 0, false
	default:
		known = defect()
	}
	status, ok = statuses[known.Code]
	if !ok {
		known = defect()
		return known, statuses[known.Code], true
	}
	var own statusError
	if errors.As(err, &own) {
		status = own.status
	}
	return known, status, true
}

// defect is the error for a client whose request met a defect: an error that is not a *models.Error, or has a code that
// statuses does not have.
func defect() *models.Error {
	return models.Errorf(
		models.CodeInternal, "Something is wrong with the server; its log says more under this request_id.",
	)
}

func timedOut() *models.Error {
	return &models.Error{
		Code: models.CodeUnavailable,
		Message: "The server could not do this in time, and may yet have done it. " +
			"Ask again, with the same Idempotency-Key.",
		RetryAfter: time.Second,
	}
}

// statusError is an error with another status than that of its code, because a protocol prescribes it: ranges (RFC
// 9110, section 15.5.17), the size of headers (RFC 6585, section 5), and tus.
type statusError struct {
	status int
	err    error
}

// WithStatus returns err with another status than that of its code.
func WithStatus(status int, err error) error { return statusError{status, err} }

func (e statusError) Error() string { return e.err.Error() }

func (e statusError) Unwrap() error { return e.err }

// titles are the names of statuses that net/http does not know (tus), or knows by an older name than that of RFC 9110.
var titles = map[int]string{
	tus.StatusChecksumMismatch:              "Checksum Mismatch",
	http.StatusRequestEntityTooLarge:        "Content Too Large",
	http.StatusRequestedRangeNotSatisfiable: "Range Not Satisfiable",
	http.StatusUnprocessableEntity:          "Unprocessable Content",
}

func titleOf(status int) string {
	if title, known := titles[status]; known {
		return title
	}
	return http.StatusText(status)
}

// NotFound responds to a request for something that does not exist.
func NotFound(w http.ResponseWriter, r *http.Request) { Write(w, r, models.NotFound()) }
