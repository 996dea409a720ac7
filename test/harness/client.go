package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/parley-chat/parley/models"
)

// Client calls a server as one user, or as nobody when it has no token.
type Client struct {
	T           testing.TB
	HTTP        *http.Client
	URL         string
	messagePack bool // whether it speaks MessagePack
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

// Call makes a request that the contract allows; both sides are checked against it. body is encoded as JSON, or in
// MessagePack by a client that speaks it; nil sends none. Headers are given in pairs.
func (c *Client) Call(method, path string, body any, headers ...string) *Response {
	c.T.Helper()
	a := c.Send(method, path, body, headers...)
	a.CheckContract(true)
	return a
}

// CallInvalid makes a request that the contract does not allow. The response must be as the contract says all the same.
func (c *Client) CallInvalid(method, path string, body any, headers ...string) *Response {
	c.T.Helper()
	a := c.Send(method, path, body, headers...)
	a.CheckContract(false)
	return a
}

// Send makes a request and checks nothing of it.
func (c *Client) Send(method, path string, body any, headers ...string) *Response {
	c.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	a, err := c.TryCall(ctx, method, path, body, headers...)
	if err != nil {
		c.T.Fatal(err)
	}
	return a
}

// TryCall makes a request and returns its error, for tests that expect it to fail.
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

// Do makes the request with the client's token and further headers, given in pairs. sent is the body, for the contract
// check.
func (c *Client) Do(req *http.Request, sent []byte, headers []string) (*Response, error) {
	if c.AccessToken != "" {
		req.Header.Set("Authorization", "Bearer "+c.AccessToken)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	return &Response{T: c.T, Request: req, RequestBody: sent, HTTP: res, Body: got}, err
}

// Response is a response with the request that it is for.
type Response struct {
	T           testing.TB
	Request     *http.Request
	RequestBody []byte
	HTTP        *http.Response
	Body        []byte
}

func (a *Response) String() string {
	return fmt.Sprintf("%s %s → %d %s", a.Request.Method, a.Request.URL, a.HTTP.StatusCode, a.Body)
}

// CheckContract checks the response against the contract, and the request too if it is meant to be valid.
func (a *Response) CheckContract(requestToo bool) {
	a.T.Helper()
	if err := a.ContractViolation(requestToo); err != nil {
		a.T.Fatalf("%v\nis not as the contract has it: %v", a, err)
	}
}

// ContractViolation returns what of the response, or of the request too, is not as the contract says; nil for nothing.
func (a *Response) ContractViolation(requestToo bool) error {
	route, params, err := contract().FindRoute(a.Request)
	var noRoute *routers.RouteError
	if errors.As(err, &noRoute) && !requestToo {
		return a.checkProblem()
	}
	if err != nil {
		return err
	}
	ctx := context.Background()
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
	}
	in := &openapi3filter.RequestValidationInput{
		Request: a.Request, PathParams: params, Route: route, Options: options,
	}
	if requestToo {
		a.Request.Body = io.NopCloser(bytes.NewReader(a.RequestBody))
		if err := openapi3filter.ValidateRequest(ctx, in); err != nil {
			return err
		}
	}
	return openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.HTTP.StatusCode, Header: a.HTTP.Header, Options: options,
		Body: io.NopCloser(bytes.NewReader(a.Body)),
	})
}

// checkProblem checks a response outside the contract's routes, which must be a problem.
func (a *Response) checkProblem() error {
	if got := a.HTTP.Header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Errorf("an error of type %q", got)
	}
	var p models.Problem
	if err := json.Unmarshal(a.Body, &p); err != nil {
		return err
	}
	if p.Status != a.HTTP.StatusCode || p.Code == "" || p.Title == "" {
		return fmt.Errorf("an incomplete problem %+v", p)
	}
	return nil
}

// ExpectStatus fails the test unless the response has the status.
func (a *Response) ExpectStatus(want int) *Response {
	a.T.Helper()
	if a.HTTP.StatusCode != want {
		a.T.Fatalf("%v\nwanted status %d", a, want)
	}
	return a
}

// ExpectProblem fails the test unless the response is a problem with the status and the code.
func (a *Response) ExpectProblem(status int, code models.Code) models.Problem {
	a.T.Helper()
	a.ExpectStatus(status)
	var p models.Problem
	a.Decode(&p)
	if p.Code != code {
		a.T.Fatalf("%v\nwanted code %s", a, code)
	}
	return p
}

// Decode decodes the body, which is JSON, into v.
func (a *Response) Decode(v any) *Response {
	a.T.Helper()
	d := json.NewDecoder(bytes.NewReader(a.Body))
	if err := d.Decode(v); err != nil {
		a.T.Fatalf("%v: %v", a, err)
	}
	return a
}

// Header returns a header of the response, "" if it has none of that name.
func (a *Response) Header(name string) string { return a.HTTP.Header.Get(name) }

// Ptr returns a pointer to a copy of v.
func Ptr[T any](v T) *T { return &v }

// ExpectBusy expects the response that a browser's EventSource comes back from by itself: 200, when to come back, the
// event busy with the reason and without an id, and the end.
func (a *Response) ExpectBusy(reason models.BusyReason) {
	a.T.Helper()
	a.ExpectStatus(200)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
	} {
		if got := a.Header(name); got != want {
			a.T.Errorf("%v\nhas %s: %q, not %q", a, name, got, want)
		}
	}
	after, err := strconv.Atoi(a.Header("Retry-After"))
	if err != nil || after < 1 {
		a.T.Errorf("%v\nis to be tried again after %q", a, a.Header("Retry-After"))
	}
	retry := -1
	var told []Event
	for lines := bufio.NewScanner(bytes.NewReader(a.Body)); lines.Scan(); {
		if ms, found := strings.CutPrefix(lines.Text(), "retry: "); found {
			retry, _ = strconv.Atoi(ms)
		}
	}
	_ = ReadEvents(bytes.NewReader(a.Body), func(e Event) bool { told = append(told, e); return true })
	var data models.Busy
	if len(told) != 1 || told[0].Name != string(models.EventBusy) || told[0].ID != "" || told[0].Decode(&data) != nil || data.Reason != reason {
		a.T.Fatalf("%v\nis not busy for %s", a, reason)
	}
	told[0].CheckContract(a.T)
	if retry < 1000*after || retry > 1500*after+1000 {
		a.T.Errorf("%v\nis to be tried again in %d ms, Retry-After is %d s", a, retry, after)
	}
}

// OpenResponse opens an event stream and returns the plain HTTP response, which is closed with the test.
func (c *Client) OpenResponse(method, query string, headers ...string) *http.Response {
	c.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c.T.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, c.URL+"/v1/events?"+query, http.NoBody)
	if err != nil {
		c.T.Fatal(err)
	}
	if c.AccessToken != "" {
		req.Header.Set("Authorization", "Bearer "+c.AccessToken)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		c.T.Fatal(err)
	}
	c.T.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// StatusesOfCodes has the status that each code of the contract comes with.
var StatusesOfCodes = map[models.Code]int{
	"invalid_request": 400, "malformed_body": 400, "unauthenticated": 401, "bad_credentials": 401, "token_expired": 401,
	"session_revoked": 401, "forbidden": 403, "banned": 403, "blocked": 403, "not_found": 404, "method_not_allowed": 405,
	"not_acceptable": 406, "username_taken": 409, "handle_taken": 409, "idempotency_mismatch": 409, "upload_conflict": 409,
	"expired": 410, "too_large": 413, "unsupported_media_type": 415, "bad_file": 422, "rate_limited": 429,
	"unavailable": 503,
}

// otherCodes has the statuses that HTTP and tus give a meaning of their own, and the code that each comes with.
var otherCodes = map[int]models.Code{
	412: models.CodeInvalidRequest, 416: models.CodeInvalidRequest, 423: models.CodeUploadConflict, 460: models.CodeUploadConflict,
}

// ExpectRefusal expects a complete problem of the contract with one of the codes and its status.
func (a *Response) ExpectRefusal(allowed ...models.Code) {
	a.T.Helper()
	if a.Request.Method == http.MethodHead { // which has no body to look at
		for _, code := range allowed {
			if status := a.HTTP.StatusCode; status == StatusesOfCodes[code] || code == otherCodes[status] {
				return
			}
		}
		a.T.Errorf("%v\nwanted the status of %q", a, allowed)
		return
	}
	if got := a.Header("Content-Type"); got != "application/problem+json" {
		a.T.Errorf("%v\nis of type %q", a, got)
		return
	}
	var p models.Problem
	a.Decode(&p)
	status, known := StatusesOfCodes[p.Code]
	if otherCodes[p.Status] == p.Code {
		status = p.Status
	}
	if !known || status != p.Status || status != a.HTTP.StatusCode || p.Title == "" || p.Type == "" || p.Detail == "" {
		a.T.Errorf("%v\nis no problem of the contract", a)
	}
	if !slices.Contains(allowed, p.Code) {
		a.T.Errorf("%v\nwanted one of %q", a, allowed)
	}
	if p.RequestID == "" || p.RequestID != a.Header("X-Request-Id") {
		a.T.Errorf("%v\nanswers for the request %q", a, a.Header("X-Request-Id"))
	}
	if p.Status == 401 && a.Header("WWW-Authenticate") == "" {
		a.T.Errorf("%v\ndoes not say how to authenticate", a)
	}
	if err := a.ContractViolation(false); err != nil {
		a.T.Errorf("%v\nis not as the contract has it: %v", a, err)
	}
}

// IdempotencyKey is the header of requests that may be repeated.
const IdempotencyKey = "Idempotency-Key"

// AtServer returns a client of the same user at another server.
func (c *Client) AtServer(url string) *Client {
	other := *c
	other.URL = url
	return &other
}

// NewHTTP returns an HTTP client that keeps no connection beyond the test, because goroutine leaks are checked after
// it.
func NewHTTP(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}
