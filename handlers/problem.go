package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/upload/tus"
	"github.com/parley-chat/parley/models"
)

// statuses maps error codes to statuses. It is the only place where an error becomes a status.
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
	models.CodeTooLarge:             http.StatusRequestEntityTooLarge,
	models.CodeUnsupportedMediaType: http.StatusUnsupportedMediaType,
	models.CodeBadFile:              http.StatusUnprocessableEntity,
	models.CodeRateLimited:          http.StatusTooManyRequests,
	models.CodeUnavailable:          http.StatusServiceUnavailable,
	models.CodeInternal:             http.StatusInternalServerError,
}

// fail answers err as a problem. A client that asked for an event stream gets a busy stream instead if a retry may help. An
// error that is not a *models.Error is a defect or a broken database: the client gets the request's id, the log the rest.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	t := contextOf(r)
	t.err = err
	var known *models.Error
	if !errors.As(err, &known) {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			known = timedOut()
		case r.Context().Err() != nil:
			return // the client has disconnected, which is what caused the error
		default:
			known = defect()
		}
	}
	status := statuses[known.Code]
	var own statusError
	if errors.As(err, &own) {
		status = own.status
	}
	t.status, t.busy = status, busyReason(status, known)
	h := w.Header()
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", seconds(known.RetryAfter))
	}
	if t.busy != "" && wantsStream(r) {
		writeBusy(w, t.busy, known)
		return
	}
	// A client that asks for MessagePack gets problems in MessagePack; all others get JSON, whatever they asked for.
	mediaType := problemType
	if preferred(r, jsonType, problemType, msgpackType) == msgpackType {
		mediaType = msgpackType
	}
	body, err := encodeAs(mediaType, models.Problem{
		Type: "about:blank", Title: titleOf(status), Status: status, Detail: known.Message, Code: known.Code,
		Errors: known.Fields, RequestID: t.id,
	})
	if err != nil {
		panic(err) // a problem has only strings and a number
	}
	write(w, status, mediaType, body)
}

func defect() *models.Error {
	return models.Errorf(models.CodeInternal, "Something is wrong with the server; its log says more under this request_id.")
}

func timedOut() *models.Error {
	return &models.Error{
		Code:       models.CodeUnavailable,
		Message:    "The server could not do this in time, and may yet have done it. Ask again, with the same Idempotency-Key.",
		RetryAfter: time.Second,
	}
}

// statusError is an error with another status than that of its code, because a protocol prescribes it: ranges (RFC 9110,
// section 15.5.17), the size of headers (RFC 6585, section 5), and tus.
type statusError struct {
	status int
	err    error
}

// withStatus returns err with another status than that of its code.
func withStatus(status int, err error) error { return statusError{status, err} }

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

// notFound answers a request for something that does not exist.
func notFound(w http.ResponseWriter, r *http.Request) { fail(w, r, models.NotFound()) }
