package main

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
	// remotePatience is how long a request that fails is repeated, and how long a reader may get nothing that it waits for.
	remotePatience = time.Minute
	// answerTimeout is how long an answer may take before its request is repeated.
	answerTimeout = 30 * time.Second
	// firstPause and longestPause bound the pauses between repetitions. Retry-After can make them longer.
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// remoteClient makes requests to a server from outside, and makes them again when they are lost or the server asks for
// it. That is safe, since each one that creates something carries an Idempotency-Key.
type remoteClient struct {
	base     string
	http     *http.Client
	repeated atomic.Int64
}

// newRemoteClient makes a client that keeps up to conns connections for its requests.
func newRemoteClient(base string, conns int) *remoteClient {
	return &remoteClient{
		base: strings.TrimRight(base, "/"),
		http: &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			MaxIdleConns:          conns,
			MaxIdleConnsPerHost:   conns,
			IdleConnTimeout:       time.Minute,
			ResponseHeaderTimeout: answerTimeout,
		}},
	}
}

func (c *remoteClient) close() { c.http.CloseIdleConnections() }

// remoteCall is one request.
type remoteCall struct {
	method string
	path   string
	body   any    // sent as JSON; nil for none
	key    string // the Idempotency-Key, "" for none
	token  string
	into   any // what the answer's JSON is decoded into; nil when it is of no interest
}

// do makes the call, repeatedly if need be, and returns the answer's header.
func (c *remoteClient) do(ctx context.Context, call remoteCall) (http.Header, error) {
	var body []byte
	if call.body != nil {
		var err error
		if body, err = json.Marshal(call.body); err != nil {
			return nil, err
		}
	}
	giveUp := time.Now().Add(remotePatience)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		header, err := c.once(ctx, call, body)
		if err == nil || !mayPass(err) || time.Now().After(giveUp) {
			return header, err
		}
		if err := wait(ctx, max(pause, retryAfter(err))); err != nil {
			return nil, err
		}
		c.repeated.Add(1)
	}
}

// once makes the call with the encoded body, and leaves it at that.
func (c *remoteClient) once(ctx context.Context, call remoteCall, body []byte) (http.Header, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errors.New("no answer in time"))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, call.method, c.base+call.path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if call.key != "" {
		req.Header.Set("Idempotency-Key", call.key)
	}
	res, err := c.send(req, call.token)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, lostError{fmt.Errorf("%s %s: %w", call.method, call.path, err)}
	}
	if call.into != nil {
		if err := json.Unmarshal(answer, call.into); err != nil {
			return nil, fmt.Errorf("%s %s answered what cannot be read: %w", call.method, call.path, err)
		}
	}
	return res.Header, nil
}

// open opens an event stream, which the caller closes.
func (c *remoteClient) open(ctx context.Context, query, token, lastID string) (io.ReadCloser, error) {
	req, err := c.streamRequest(ctx, query, lastID)
	if err != nil {
		return nil, err
	}
	res, err := c.send(req, token)
	if err != nil {
		return nil, err
	}
	if err := busy(res); err != nil {
		res.Body.Close()
		return nil, err
	}
	return res.Body, nil
}

// busy is nil for a stream that has opened, and otherwise what its only event tells. That answer has a length, which a
// stream has not.
func busy(res *http.Response) error {
	if res.ContentLength < 0 {
		return nil
	}
	var told models.Busy
	err := readPushed(res.Body, func(e replayPushed) error { return json.Unmarshal([]byte(e.data), &told) })
	if !errors.Is(err, io.EOF) {
		return lostError{fmt.Errorf("the answer in place of a stream: %w", err)}
	}
	refused := &http.Response{StatusCode: http.StatusServiceUnavailable, Status: "busy: " + string(told.Reason), Header: res.Header, Body: http.NoBody}
	if told.Reason == models.BusyStreams || told.Reason == models.BusyRateLimited {
		refused.StatusCode = http.StatusTooManyRequests
	}
	return refusal(refused)
}

func (c *remoteClient) streamRequest(ctx context.Context, query, lastID string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/v1/events?"+query, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	return req, nil
}

// send makes one request; an answer that is no success becomes an error.
func (c *remoteClient) send(req *http.Request, token string) (*http.Response, error) {
	authorize(req, token)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, lostError{err}
	}
	return succeeded(req, res)
}

func authorize(req *http.Request, token string) {
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
}

// succeeded is the answer, or the error that it tells of.
func succeeded(req *http.Request, res *http.Response) (*http.Response, error) {
	if res.StatusCode < http.StatusOK || res.StatusCode >= http.StatusMultipleChoices {
		defer res.Body.Close()
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, refusal(res))
	}
	return res, nil
}

// lostError is a request that may or may not have been carried out.
type lostError struct{ err error }

func (e lostError) Error() string { return e.err.Error() }

func (e lostError) Unwrap() error { return e.err }

// refusedError is an answer that is no success.
type refusedError struct {
	status  int
	problem *models.Error
}

func (e refusedError) Error() string { return e.problem.Error() }
func (e refusedError) Unwrap() error { return e.problem }

// refusal is the problem that came in place of what was asked for.
func refusal(res *http.Response) error {
	var p models.Problem
	body, err := io.ReadAll(io.LimitReader(res.Body, models.MaxBodyBytes))
	if err != nil || json.Unmarshal(body, &p) != nil || p.Code == "" {
		p = models.Problem{Title: res.Status} // from a proxy before the server
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
	return refusedError{res.StatusCode, &models.Error{
		Code: p.Code, Message: text, Fields: p.Errors, RetryAfter: time.Duration(seconds) * time.Second,
	}}
}

// mayPass reports whether a request that failed so may succeed when it is made again.
func mayPass(err error) bool {
	var lost lostError
	return errors.As(err, &lost) || isCode(err, models.CodeRateLimited) || isCode(err, models.CodeUnavailable)
}

func isCode(err error, code models.Code) bool { return errors.Is(err, &models.Error{Code: code}) }

func retryAfter(err error) time.Duration {
	var e *models.Error
	if errors.As(err, &e) {
		return min(e.RetryAfter, remotePatience)
	}
	return 0
}

// wait waits, unless ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
