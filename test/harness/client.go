package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/parley-chat/parley/models"
)

// Client calls a server as one user, or anonymously when it has no token.
type Client struct {
	T           testing.TB
	HTTP        *http.Client
	URL         string
	messagePack bool // whether it sends and accepts MessagePack
	models.Session
}

// NewClient returns a client of the server at url, without a token.
func NewClient(t testing.TB, url string) *Client {
	return &Client{T: t, HTTP: NewHTTP(t), URL: url}
}

// WithToken returns a client with another token.
func (c *Client) WithToken(token string) *Client {
	other := *c
	other.AccessToken = token
	return &other
}

// Call makes a request that the contract allows, and checks the request and the response against the contract. body is
// encoded as JSON, or as MessagePack by a client of WithMessagePack; nil sends no body. Headers are given as pairs of a
// name and a value.
func (c *Client) Call(method, path string, body any, headers ...string) *Response {
	c.T.Helper()
	response := c.Send(method, path, body, headers...)
	response.CheckContract(true)
	return response
}

// CallInvalid makes a request that the contract does not allow. Only the response is checked against the contract.
func (c *Client) CallInvalid(method, path string, body any, headers ...string) *Response {
	c.T.Helper()
	response := c.Send(method, path, body, headers...)
	response.CheckContract(false)
	return response
}

// Send makes a request and checks neither the request nor the response.
func (c *Client) Send(method, path string, body any, headers ...string) *Response {
	c.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	response, err := c.TryCall(ctx, method, path, body, headers...)
	if err != nil {
		c.T.Fatal(err)
	}
	return response
}

// TryCall makes a request like Send, and returns the error for tests that expect the request to fail.
func (c *Client) TryCall(ctx context.Context, method, path string, body any, headers ...string) (*Response, error) {
	sent, isRaw := body.([]byte)
	if !isRaw && body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.messagePack {
		return c.tryMessagePack(req, sent, headers)
	}
	return c.Do(req, sent, headers)
}

// Do makes the request with the client's token and further headers, given as pairs of a name and a value. sent is the
// body for the contract check.
func (c *Client) Do(req *http.Request, sent []byte, headers []string) (*Response, error) {
	c.setHeaders(req, headers)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var got bytes.Buffer
	if req.Method != http.MethodHead && res.ContentLength > 0 {
		got.Grow(int(res.ContentLength) + bytes.MinRead) // ReadFrom then never copies, which is slow with the race detector
	}
	_, err = got.ReadFrom(res.Body)
	return &Response{T: c.T, Request: req, RequestBody: sent, HTTP: res, Body: got.Bytes()}, err
}

// setHeaders gives a request the client's token and further headers, given as pairs of a name and a value.
func (c *Client) setHeaders(req *http.Request, pairs []string) {
	if c.AccessToken != "" {
		req.Header.Set("Authorization", "Bearer "+c.AccessToken)
	}
	for pair := range slices.Chunk(pairs, 2) {
		req.Header.Set(pair[0], pair[1])
	}
}

// PostChunked posts a body in chunked transfer coding, without a Content-Length.
func (c *Client) PostChunked(path string, body []byte, headers ...string) *Response {
	c.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", c.URL+path, struct{ *bytes.Reader }{bytes.NewReader(body)})
	if err != nil {
		c.T.Fatal(err)
	}
	response, err := c.Do(req, body, headers)
	if err != nil {
		c.T.Fatal(err)
	}
	return response
}

// Response is a response together with its request.
type Response struct {
	T           testing.TB
	Request     *http.Request
	RequestBody []byte
	HTTP        *http.Response
	Body        []byte
}

func (r *Response) String() string {
	return fmt.Sprintf("%s %s → %d %s", r.Request.Method, r.Request.URL, r.HTTP.StatusCode, r.Body)
}

// CheckContract fails the test if the response violates the contract. The request is checked if requestToo is set.
func (r *Response) CheckContract(requestToo bool) {
	r.T.Helper()
	if err := r.ContractViolation(requestToo); err != nil {
		r.T.Fatalf("%v\nviolates the contract: %v", r, err)
	}
}

// ContractViolation returns how the response, and the request if requestToo is set, violates the contract; nil if it
// does not.
func (r *Response) ContractViolation(requestToo bool) error {
	route, params, err := contract().FindRoute(r.Request)
	var noRoute *routers.RouteError
	if errors.As(err, &noRoute) && !requestToo {
		return r.checkProblem()
	}
	if err != nil {
		return err
	}
	ctx := context.Background()
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r.Request, PathParams: params, Route: route, Options: options,
	}
	if requestToo {
		r.Request.Body = describedBody(r.Request.Header, r.RequestBody)
		if err := openapi3filter.ValidateRequest(ctx, in); err != nil {
			return err
		}
	}
	err = openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: r.HTTP.StatusCode, Header: r.HTTP.Header, Options: options,
		Body: describedBody(r.HTTP.Header, r.Body),
	})
	return errors.Join(err, undeclaredHeaders(route.Path, route.Operation, r.HTTP))
}

// describedBody returns what the contract describes of a body: all of a document, but not the bytes of a large file.
func describedBody(header http.Header, body []byte) io.ReadCloser {
	const smallest = 64 << 10 // so that a document that lacks its Content-Type is read too
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	isFile := !strings.HasSuffix(mediaType, "json") && !strings.HasSuffix(mediaType, "msgpack") &&
		!strings.HasPrefix(mediaType, "multipart/")
	if isFile && len(body) > smallest {
		body = body[:1] // not empty, because the contract requires a body
	}
	return io.NopCloser(bytes.NewReader(body))
}

// checkProblem checks the response to a path outside of the contract, which must be a problem (RFC 9457).
func (r *Response) checkProblem() error {
	if got := r.HTTP.Header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Errorf("an error with Content-Type %q", got)
	}
	var p models.Problem
	if err := json.Unmarshal(r.Body, &p); err != nil {
		return err
	}
	if p.Status != r.HTTP.StatusCode || p.Code == "" || p.Title == "" {
		return fmt.Errorf("an incomplete problem %+v", p)
	}
	return nil
}

// ExpectStatus fails the test unless the response has the status.
func (r *Response) ExpectStatus(want int) *Response {
	r.T.Helper()
	if r.HTTP.StatusCode != want {
		r.T.Fatalf("%v\nwant status %d", r, want)
	}
	return r
}

// ExpectProblem fails the test unless the response is a problem with the status and the code.
func (r *Response) ExpectProblem(status int, code models.Code) models.Problem {
	r.T.Helper()
	r.ExpectStatus(status)
	var p models.Problem
	r.Decode(&p)
	if p.Code != code {
		r.T.Fatalf("%v\nwant code %s", r, code)
	}
	return p
}

// Decode decodes the body, which is JSON, into v.
func (r *Response) Decode(v any) *Response {
	r.T.Helper()
	d := json.NewDecoder(bytes.NewReader(r.Body))
	if err := d.Decode(v); err != nil {
		r.T.Fatalf("%v: %v", r, err)
	}
	return r
}

// Header returns a header of the response, "" if the response does not have it.
func (r *Response) Header(name string) string { return r.HTTP.Header.Get(name) }

// Ptr returns a pointer to a copy of v.
func Ptr[T any](v T) *T { return &v }

// ExpectDeprecated expects the headers of a request whose form has a successor (RFC 9745), which the linked document
// names.
func (r *Response) ExpectDeprecated(successor string) {
	r.T.Helper()
	since, links := r.Header("Deprecation"), strings.Join(r.HTTP.Header.Values("Link"), ", ")
	if section := ReadSection(r.T, "docs/evolution.md", "How an end is announced"); !strings.HasPrefix(since, "@") ||
		!strings.Contains(section, successor[strings.LastIndex(successor, "/"):]+"`") ||
		!strings.Contains(links, `/docs/evolution.md#how-an-end-is-announced>; rel="deprecation"`) ||
		!strings.Contains(links, "<"+successor+`>; rel="successor-version"`) {
		r.T.Errorf("%v\nhas Deprecation: %q, Link: %s, want %s as the successor", r, since, links, successor)
	}
}

// ExpectBusy expects the response after which a browser's EventSource reconnects by itself: status 200, a retry time,
// the event busy with the reason and without an id, and the end of the stream.
func (r *Response) ExpectBusy(reason models.BusyReason) {
	r.T.Helper()
	r.ExpectStatus(200)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
	} {
		if got := r.Header(name); got != want {
			r.T.Errorf("%v\nhas %s: %q, want %q", r, name, got, want)
		}
	}
	after, err := strconv.Atoi(r.Header("Retry-After"))
	if err != nil || after < 1 {
		r.T.Errorf("%v\nhas the invalid Retry-After %q", r, r.Header("Retry-After"))
	}
	retry := -1
	var events []Event
	for lines := bufio.NewScanner(bytes.NewReader(r.Body)); lines.Scan(); {
		if ms, found := strings.CutPrefix(lines.Text(), "retry: "); found {
			retry, _ = strconv.Atoi(ms)
		}
	}
	_ = ReadEvents(bytes.NewReader(r.Body), func(e Event) bool { events = append(events, e); return true })
	var data models.Busy
	if len(events) != 1 || events[0].Name != string(models.EventBusy) || events[0].ID != "" ||
		events[0].Decode(&data) != nil || data.Reason != reason {
		r.T.Fatalf("%v\nis not the single event busy with the reason %s", r, reason)
	}
	events[0].CheckContract(r.T)
	if retry < 1000*after || retry > 1500*after+1000 {
		r.T.Errorf("%v\nhas retry: %d ms, which does not fit Retry-After: %d s", r, retry, after)
	}
}

// OpenResponse opens an event stream and returns the plain HTTP response, which is closed at the end of the test.
func (c *Client) OpenResponse(method, query string, headers ...string) *http.Response {
	c.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c.T.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, c.URL+"/v1/events?"+query, http.NoBody)
	if err != nil {
		c.T.Fatal(err)
	}
	c.setHeaders(req, headers)
	res, err := c.HTTP.Do(req)
	if err != nil {
		c.T.Fatal(err)
	}
	c.T.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// StatusByCode has the HTTP status of each error code of the contract.
var StatusByCode = map[models.Code]int{
	"invalid_request": 400, "malformed_body": 400, "unauthenticated": 401, "bad_credentials": 401, "token_expired": 401,
	"session_revoked": 401, "forbidden": 403, "banned": 403, "blocked": 403, "not_found": 404, "method_not_allowed": 405,
	"not_acceptable": 406, "username_taken": 409, "handle_taken": 409, "idempotency_mismatch": 409, "upload_conflict": 409,
	"expired": 410, "precondition_failed": 412, "too_large": 413, "unsupported_media_type": 415, "bad_file": 422,
	"rate_limited": 429, "unavailable": 503,
}

// otherCodes has the error codes of the statuses to which HTTP and tus give a special meaning.
var otherCodes = map[int]models.Code{
	412: models.CodeInvalidRequest,
	416: models.CodeInvalidRequest,
	423: models.CodeUploadConflict,
	460: models.CodeUploadConflict,
}

// ExpectRefusal expects a complete problem of the contract, which has one of the codes and that code's status.
func (r *Response) ExpectRefusal(allowed ...models.Code) {
	r.T.Helper()
	if r.Request.Method == http.MethodHead { // its response has no body
		for _, code := range allowed {
			if status := r.HTTP.StatusCode; status == StatusByCode[code] || code == otherCodes[status] {
				return
			}
		}
		r.T.Errorf("%v\nwant the status of one of %q", r, allowed)
		return
	}
	if got := r.Header("Content-Type"); got != "application/problem+json" {
		r.T.Errorf("%v\nhas Content-Type %q", r, got)
		return
	}
	var p models.Problem
	r.Decode(&p)
	status, known := StatusByCode[p.Code]
	if otherCodes[p.Status] == p.Code {
		status = p.Status
	}
	if !known || status != p.Status || status != r.HTTP.StatusCode || p.Title == "" || p.Type == "" || p.Detail == "" {
		r.T.Errorf("%v\nis not a complete problem of the contract", r)
	}
	if !slices.Contains(allowed, p.Code) {
		r.T.Errorf("%v\nwant one of the codes %q", r, allowed)
	}
	if p.RequestID == "" || p.RequestID != r.Header("X-Request-Id") {
		r.T.Errorf("%v\nhas another request_id than X-Request-Id: %q", r, r.Header("X-Request-Id"))
	}
	if p.Status == 401 && r.Header("WWW-Authenticate") == "" {
		r.T.Errorf("%v\nhas no WWW-Authenticate header", r)
	}
	if err := r.ContractViolation(false); err != nil {
		r.T.Errorf("%v\nviolates the contract: %v", r, err)
	}
}

// IdempotencyKey is the header of requests that may be repeated.
const IdempotencyKey = "Idempotency-Key"

// AtServer returns a client of the same session that calls another server.
func (c *Client) AtServer(url string) *Client {
	other := *c
	other.URL = url
	return &other
}

// NewHTTP returns an HTTP client that does not follow redirects. It closes its idle connections at the end of the test,
// because a goroutine leak fails the test.
func NewHTTP(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}
