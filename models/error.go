package models

import (
	"fmt"
	"time"
)

// Code names a kind of failure. Clients branch on it, so a code never changes its meaning.
type Code string

// The codes of the contract, by HTTP status.
const (
	CodeInvalidRequest       Code = "invalid_request"        // 400
	CodeMalformedBody        Code = "malformed_body"         // 400
	CodeUnauthenticated      Code = "unauthenticated"        // 401
	CodeBadCredentials       Code = "bad_credentials"        // 401
	CodeTokenExpired         Code = "token_expired"          // 401
	CodeSessionRevoked       Code = "session_revoked"        // 401
	CodeForbidden            Code = "forbidden"              // 403
	CodeBanned               Code = "banned"                 // 403
	CodeBlocked              Code = "blocked"                // 403
	CodeNotFound             Code = "not_found"              // 404
	CodeMethodNotAllowed     Code = "method_not_allowed"     // 405
	CodeNotAcceptable        Code = "not_acceptable"         // 406
	CodeUsernameTaken        Code = "username_taken"         // 409
	CodeHandleTaken          Code = "handle_taken"           // 409
	CodeIdempotencyMismatch  Code = "idempotency_mismatch"   // 409
	CodeUploadConflict       Code = "upload_conflict"        // 409
	CodeExpired              Code = "expired"                // 410
	CodePreconditionFailed   Code = "precondition_failed"    // 412
	CodeTooLarge             Code = "too_large"              // 413
	CodeUnsupportedMediaType Code = "unsupported_media_type" // 415
	CodeBadFile              Code = "bad_file"               // 422
	CodeRateLimited          Code = "rate_limited"           // 429
	CodeUnavailable          Code = "unavailable"            // 503
	CodeInternal             Code = "internal"               // 500: a defect of Parley, never a client's doing
)

// Error is the one error type that packages return on purpose. Any other error that reaches the handlers is a defect or
// a failing database, and its text stays in the server's log.
type Error struct {
	Code       Code
	Message    string        // for the client's developer, one sentence
	Fields     []FieldError  // with CodeInvalidRequest: what is wrong, by field
	RetryAfter time.Duration // with CodeRateLimited and CodeUnavailable
	Busy       BusyReason    // with those two: the reason in the event busy of a stream; "" for the code's own reason
	Limit      string        // with CodeRateLimited and CodeUnavailable: which limit refused, for the metrics; "" for none
	Err        error         // the cause, for the server's log alone
}

// FieldError says what is wrong with one field, parameter or header of a request.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Problem is an error as a client sees it: RFC 9457 problem details, with Parley's code.
type Problem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	Code      Code         `json:"code"`
	Errors    []FieldError `json:"errors,omitempty"`
	RequestID string       `json:"request_id,omitempty"`
}

func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Message
	for _, f := range e.Fields {
		text += fmt.Sprintf(" [%s: %s]", f.Field, f.Message)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, &Error{Code: c}) ask for the code alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Errorf makes an Error with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotFound is the error for what does not exist and for what the caller may not know of: both are the same, so that
// nobody can probe for the difference.
func NotFound() *Error {
	return Errorf(CodeNotFound, "There is nothing here, or nothing that you may see.")
}

// Invalid is an invalid_request about one field.
func Invalid(field, format string, args ...any) *Error {
	return InvalidFields([]FieldError{{Field: field, Message: fmt.Sprintf(format, args...)}})
}

// InvalidFields is an invalid_request about several fields, of which it lists the first MaxFieldErrors.
func InvalidFields(fields []FieldError) *Error {
	return &Error{
		Code: CodeInvalidRequest, Message: "The request is not valid; errors says where.",
		Fields: fields[:min(len(fields), MaxFieldErrors)],
	}
}
