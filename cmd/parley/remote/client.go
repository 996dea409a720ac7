// Package remote is the client of a running server for parley bench and parley replay: requests with retries, guests,
// event streams and a progress line.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// MaxRetryTime is how long a failing request is retried, and how long a reader waits for a missing event.
	MaxRetryTime = time.Minute
	// ResponseTimeout is how long a response may take before its request is retried.
	ResponseTimeout = 30 * time.Second
	// MinRetryPause is the pause before the first retry. Retry-After can make it longer.
	MinRetryPause = 50 * time.Millisecond
	// MaxRetryPause is the longest pause; pauses double up to it. Retry-After can make them longer.
	MaxRetryPause = 2 * time.Second
)

// Client sends requests to a server, and retries them when they are lost or the server asks for it. This is safe
// because each request that creates something has an Idempotency-Key.
type Client struct {
	Base    string
	HTTP    *http.Client
	Retries atomic.Int64
}

// NewClient returns a client that keeps up to conns idle connections.
func NewClient(base string, conns int) *Client {
	return &Client{
		Base: strings.TrimRight(base, "/"),
		HTTP: &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			MaxIdleConns:          conns,
			MaxIdleConnsPerHost:   conns,
			IdleConnTimeout:       time.Minute,
			ResponseHeaderTimeout: ResponseTimeout,
		}},
	}
}

// Close closes the idle connections.
func (c *Client) Close() { c.HTTP.CloseIdleConnections() }

// Call is one request.
type Call struct {
	Method string
	Path   string
	Body   any    // sent as JSON; nil for none
	Key    string // the Idempotency-Key, "" for none
	Token  string
	Into   any // the response body's JSON is decoded into it; nil to ignore the body
}

// Do makes the call, with retries for up to MaxRetryTime, and returns the response header.
func (c *Client) Do(ctx context.Context, call Call) (http.Header, error) {
	var body []byte
	if call.Body != nil {
		var err error
		if body, err = json.Marshal(call.Body); err != nil {
			return nil, err
		}
	}
	giveUp := time.Now().Add(MaxRetryTime)
	for pause := MinRetryPause; ; pause = min(2*pause, MaxRetryPause) {
		header, err := c.DoOnce(ctx, call, body)
		if err == nil || !IsTemporary(err) || time.Now().After(giveUp) {
			return header, err
		}
		if err := Wait(ctx, max(pause, RetryAfter(err))); err != nil {
			return nil, err
		}
		c.Retries.Add(1)
	}
}

// DoOnce makes the call with the encoded body, without retries.
func (c *Client) DoOnce(ctx context.Context, call Call, body []byte) (http.Header, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, ResponseTimeout, errors.New("no response in time"))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, call.Method, c.Base+call.Path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if call.Key != "" {
		req.Header.Set("Idempotency-Key", call.Key)
	}
	res, err := c.Send(req, call.Token)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, LostError{fmt.Errorf("%s %s: %w", call.Method, call.Path, err)}
	}
	if call.Into != nil {
		if err := json.Unmarshal(content, call.Into); err != nil {
			return nil, fmt.Errorf("%s %s: invalid response: %w", call.Method, call.Path, err)
		}
	}
	return res.Header, nil
}

// OpenStream opens an event stream. The caller must close it.
func (c *Client) OpenStream(ctx context.Context, query, token, lastID string) (io.ReadCloser, error) {
	req, err := c.NewStreamRequest(ctx, query, lastID)
	if err != nil {
		return nil, err
	}
	res, err := c.Send(req, token)
	if err != nil {
		return nil, err
	}
	if err := BusyError(res); err != nil {
		res.Body.Close()
		return nil, err
	}
	return res.Body, nil
}

// BusyError returns nil if the response is an open stream, and otherwise the error that its only event (busy)
// describes. A busy response has a Content-Length, a stream has none.
func BusyError(res *http.Response) error {
	if res.ContentLength < 0 {
		return nil
	}
	var busy models.Busy
	err := ReadEvents(res.Body, func(e Event) error { return json.Unmarshal([]byte(e.Data), &busy) })
	if !errors.Is(err, io.EOF) {
		return LostError{fmt.Errorf("the response instead of a stream: %w", err)}
	}
	refused := &http.Response{
		StatusCode: http.StatusServiceUnavailable, Status: "busy: " + string(busy.Reason),
		Header: res.Header, Body: http.NoBody,
	}
	if busy.Reason == models.BusyStreams || busy.Reason == models.BusyRateLimited {
		refused.StatusCode = http.StatusTooManyRequests
	}
	return refusal(refused)
}

// NewStreamRequest returns a request for an event stream that resumes after lastID; "" for a new stream.
func (c *Client) NewStreamRequest(ctx context.Context, query, lastID string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Base+"/v1/events?"+query, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	return req, nil
}

// Send makes one request. A response that is not a success becomes an error.
func (c *Client) Send(req *http.Request, token string) (*http.Response, error) {
	Authorize(req, token)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, LostError{err}
	}
	return CheckStatus(req, res)
}

// Authorize adds the token, unless it is "".
func Authorize(req *http.Request, token string) {
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
}

// CheckStatus returns the response if it is a success, and otherwise its problem as an error.
func CheckStatus(req *http.Request, res *http.Response) (*http.Response, error) {
	if res.StatusCode < http.StatusOK || res.StatusCode >= http.StatusMultipleChoices {
		defer res.Body.Close()
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, refusal(res))
	}
	return res, nil
}

// LostError is the error of a request that may or may not have been processed.
type LostError struct{ Err error }

func (e LostError) Error() string { return e.Err.Error() }

func (e LostError) Unwrap() error { return e.Err }

// StatusError is the error of a response that is not a success.
type StatusError struct {
	Status  int
	Problem *models.Error
}

func (e StatusError) Error() string { return e.Problem.Error() }
func (e StatusError) Unwrap() error { return e.Problem }

// refusal returns the problem in a response as an error.
func refusal(res *http.Response) error {
	var p models.Problem
	body, err := io.ReadAll(io.LimitReader(res.Body, models.MaxBodyBytes))
	if err != nil || json.Unmarshal(body, &p) != nil || p.Code == "" {
		p = models.Problem{Title: res.Status} // from a proxy in front of the server
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests:
		p.Code = models.CodeRateLimited
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		p.Code = models.CodeUnavailable
	}
	text := fmt.Sprintf("%d %s: %s", res.StatusCode, p.Title, p.Detail)
	if p.RequestID != "" {
		text += " (request " + p.RequestID + ")"
	}
	seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
	return StatusError{res.StatusCode, &models.Error{
		Code: p.Code, Message: text, Fields: p.Errors, RetryAfter: time.Duration(seconds) * time.Second,
	}}
}

// IsTemporary reports whether a retry of the failed request may succeed.
func IsTemporary(err error) bool {
	var lost LostError
	return errors.As(err, &lost) || IsCode(err, models.CodeRateLimited) || IsCode(err, models.CodeUnavailable)
}

// IsCode reports whether err is a problem with the code.
func IsCode(err error, code models.Code) bool { return errors.Is(err, &models.Error{Code: code}) }

// RetryAfter returns how long the server asks to wait before the next attempt, at most MaxRetryTime; 0 if it does not
// ask.
func RetryAfter(err error) time.Duration {
	var e *models.Error
	if errors.As(err, &e) {
		return min(e.RetryAfter, MaxRetryTime)
	}
	return 0
}

// Wait waits for d. It returns ctx's error if ctx ends first.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
