package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// respond writes an error as the response to a request with the header Accept.
func respond(t *testing.T, path, accept string, err error) (*httptest.ResponseRecorder, *request.Context) {
	t.Helper()
	known := &request.Context{ID: "the-request"}
	r := request.With(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody), known)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	Write(w, r, err)
	return w, known
}

// allCodes returns all constants of models.Code, as the source declares them.
func allCodes(t *testing.T) []models.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../models/error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []models.Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Code" {
			return true
		}
		for _, value := range spec.Values {
			code, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, models.Code(code))
		}
		return true
	})
	if len(codes) < 20 {
		t.Fatalf("models/error.go has the codes %v; where are the others?", codes)
	}
	return codes
}

// TestProblemOfEachCode writes each error code: with its status, its headers, and a body that says the same.
func TestProblemOfEachCode(t *testing.T) {
	want := map[models.Code]int{
		models.CodeInvalidRequest:       400,
		models.CodeMalformedBody:        400,
		models.CodeUnauthenticated:      401,
		models.CodeBadCredentials:       401,
		models.CodeTokenExpired:         401,
		models.CodeSessionRevoked:       401,
		models.CodeForbidden:            403,
		models.CodeBanned:               403,
		models.CodeBlocked:              403,
		models.CodeNotFound:             404,
		models.CodeMethodNotAllowed:     405,
		models.CodeNotAcceptable:        406,
		models.CodeUsernameTaken:        409,
		models.CodeHandleTaken:          409,
		models.CodeIdempotencyMismatch:  409,
		models.CodeUploadConflict:       409,
		models.CodeExpired:              410,
		models.CodeTooLarge:             413,
		models.CodeUnsupportedMediaType: 415,
		models.CodePreconditionFailed:   412,
		models.CodeBadFile:              422,
		models.CodeRateLimited:          429,
		models.CodeInternal:             500,
		models.CodeUnavailable:          503,
	}
	codes := allCodes(t)
	if len(want) != len(codes) {
		t.Errorf("the table has %d codes, and there are %d", len(want), len(codes))
	}
	for _, code := range codes {
		status, listed := want[code]
		if !listed {
			t.Errorf("the table does not have %s", code)
			continue
		}
		fields := []models.FieldError{{Field: "name", Message: "is wrong"}}
		err := fmt.Errorf(
			"wrapped: %w", &models.Error{Code: code, Message: "So it is.", Fields: fields, RetryAfter: 1500 * time.Millisecond},
		)
		w, known := respond(t, "/v1/rooms", "", err)
		var got models.Problem
		if e := json.Unmarshal(w.Body.Bytes(), &got); e != nil {
			t.Fatal(code, e)
		}
		body := models.Problem{
			Type:      "/docs/problems#" + string(code),
			Title:     titleOf(status),
			Status:    status,
			Detail:    "So it is.",
			Code:      code,
			Errors:    fields,
			RequestID: "the-request",
		}
		if w.Code != status || !reflect.DeepEqual(got, body) || w.Header().Get("Content-Type") != codec.ProblemJSON {
			t.Errorf("%s: %d %s", code, w.Code, w.Body)
		}
		if known.Status != status || !errors.Is(known.Err, err) {
			t.Errorf("%s: the log has %d, %v", code, known.Status, known.Err)
		}
		for name, value := range map[string]struct {
			value string
			has   bool
		}{
			"WWW-Authenticate": {"Bearer", status == 401}, "Retry-After": {"2", status == 429 || status == 503},
			"Cache-Control": {"no-store", true},
		} {
			if got := w.Header().Get(name); got == value.value != value.has {
				t.Errorf("%s: %s: %q", code, name, got)
			}
		}
	}
}

// TestProblemOfOtherErrors writes errors without a code: what they say stays in the log.
func TestProblemOfOtherErrors(t *testing.T) {
	w, known := respond(t, "/v1/rooms", "", errors.New("SQL secret"))
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || known.Err.Error() != "SQL secret" {
		t.Errorf("a defect gets %d %s, and logged as %v", w.Code, w.Body, known.Err)
	}
	w, _ = respond(t, "/v1/rooms", "", fmt.Errorf("query: %w", context.DeadlineExceeded))
	if w.Code != 503 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("a timeout gets %d %v", w.Code, w.Header())
	}
	w, _ = respond(t, "/v1/rooms", "", WithStatus(423, models.Errorf(models.CodeUploadConflict, "Locked.")))
	if w.Code != 423 || !strings.Contains(w.Body.String(), `"title":"Locked"`) ||
		!strings.Contains(w.Body.String(), "upload_conflict") {
		t.Errorf("another status gets %d %s", w.Code, w.Body)
	}
	const unlisted = models.Code("a_new_code")
	w, known = respond(t, "/v1/rooms", "", WithStatus(423, models.Errorf(unlisted, "SQL secret")))
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"code":"internal"`) ||
		strings.Contains(w.Body.String(), "secret") || known.Status != 500 ||
		!strings.Contains(known.Err.Error(), string(unlisted)) {
		t.Errorf("a code without a status gets %d %s, and logged as %v", w.Code, w.Body, known.Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := request.With(httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody), &request.Context{})
	rec := httptest.NewRecorder()
	Write(rec, r, errors.New("canceled"))
	if rec.Body.Len() != 0 {
		t.Errorf("a client that has disconnected gets %s", rec.Body)
	}
}

// TestProblemEncoding negotiates the encoding of problems.
func TestProblemEncoding(t *testing.T) {
	for accept, want := range map[string]string{
		"": codec.ProblemJSON, "image/png": codec.ProblemJSON, "application/json": codec.ProblemJSON,
		"*/*":                 codec.ProblemJSON,
		"application/msgpack": codec.MessagePack, "application/json;q=0.5, application/msgpack": codec.MessagePack,
		"application/msgpack;q=0.5, application/problem+json": codec.ProblemJSON,
	} {
		w, _ := respond(t, "/v1/rooms", accept, models.NotFound())
		if got := w.Header().Get("Content-Type"); got != want {
			t.Errorf("%s: %s", accept, got)
		}
		var body struct {
			Code models.Code `json:"code" msgpack:"code"`
		}
		decode := json.Unmarshal
		if want == codec.MessagePack {
			decode = msgpack.Unmarshal
		}
		if err := decode(w.Body.Bytes(), &body); err != nil || body.Code != models.CodeNotFound {
			t.Errorf("%s: %v, %+v", accept, err, body)
		}
	}
}

// TestBusyStreams refuses requests for a stream: those that a retry may help get a stream that ends, all others a
// problem.
func TestBusyStreams(t *testing.T) {
	for _, c := range []struct {
		name, path, accept string
		err                error
		reason             models.BusyReason // "" for a problem
	}{
		{"a limit", "/v1/events", codec.EventStream, &models.Error{Code: models.CodeRateLimited, RetryAfter: time.Second},
			models.BusyRateLimited},
		{"no database", "/v1/events", codec.EventStream, &models.Error{Code: models.CodeUnavailable}, models.BusyUnavailable},
		{"a defect", "/v1/events", codec.EventStream, errors.New("defect"), models.BusyUnavailable},
		{"a bad token", "/v1/events", codec.EventStream, models.Errorf(models.CodeTokenExpired, "Expired."), ""},
		{"a page of the log", "/v1/events", codec.JSON, &models.Error{Code: models.CodeRateLimited}, ""},
		{"another route", "/v1/rooms", codec.EventStream, &models.Error{Code: models.CodeRateLimited}, ""},
	} {
		w, known := respond(t, c.path, c.accept, c.err)
		busy := w.Code == http.StatusOK && w.Header().Get("Content-Type") == codec.EventStream &&
			strings.Contains(w.Body.String(), string(c.reason))
		if busy != (c.reason != "") || busy && known.Busy != c.reason || known.Status < 400 {
			t.Errorf("%s: %d %v %s", c.name, w.Code, w.Header(), w.Body)
		}
	}
}

// TestTitles has the statuses whose name in RFC 9110 is another than in net/http.
func TestTitles(t *testing.T) {
	for status, want := range map[int]string{
		404: "Not Found", 413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content",
		460: "Checksum Mismatch",
	} {
		if got := titleOf(status); got != want {
			t.Errorf("%d is %q, wanted %q", status, got, want)
		}
	}
}
