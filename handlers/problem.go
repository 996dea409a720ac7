package handlers

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-chat/parley/models"
)

// statuses is the only place where an error becomes a status.
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

// fail answers err as a problem, or as busy where a stream was asked for and it may pass. An error that is no *models.Error is a defect or a broken database: the client learns
// the request's id, the log the rest.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	t := traceOf(r)
	t.err = err
	var known *models.Error
	if !errors.As(err, &known) {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			known = overdue()
		case r.Context().Err() != nil:
			return // the client is gone, and that is what the error is about
		default:
			known = defect()
		}
	}
	status := statuses[known.Code]
	var own statusError
	if errors.As(err, &own) {
		status = own.status
	}
	t.problem, t.busy = status, busyReason(status, known)
	h := w.Header()
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", seconds(known.RetryAfter))
	}
	if t.busy != "" && wantsStream(r) {
		answerBusy(w, t.busy, known)
		return
	}
	// A client that asks for MessagePack gets its problems so too; all others read JSON, whatever they asked for.
	mediaType := problemType
	if preferred(r, jsonType, problemType, msgpackType) == msgpackType {
		mediaType = msgpackType
	}
	body, err := encodeAs(mediaType, models.Problem{
		Type: "about:blank", Title: titleOf(status), Status: status, Detail: known.Message, Code: known.Code,
		Errors: known.Fields, RequestID: t.id,
	})
	if err != nil {
		panic(err) // a problem is strings and a number
	}
	write(w, status, mediaType, body)
}

func defect() *models.Error {
	return models.Errorf(models.CodeInternal, "Something is wrong with the server; its log says more under this request_id.")
}

func overdue() *models.Error {
	return &models.Error{
		Code:       models.CodeUnavailable,
		Message:    "The server could not do this in time, and may yet have done it. Ask again, with the same Idempotency-Key.",
		RetryAfter: time.Second,
	}
}

// statusError is an error whose status is not its code's usual one, since a protocol beneath has one of its own: ranges
// (RFC 9110, section 15.5.17) and tus.
type statusError struct {
	status int
	error
}

func (e statusError) Unwrap() error { return e.error }

// titles are those of statuses that only tus knows, and of those that RFC 9110 has given another name than net/http knows.
var titles = map[int]string{
	statusChecksumMismatch:                  "Checksum Mismatch",
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

// seconds is d for Retry-After: whole, and never 0, which would invite at once who was just asked to wait.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
