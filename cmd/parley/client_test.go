package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

// document is openapi.yaml, which every request, every answer and every event of the tests is checked against.
var document = sync.OnceValue(func() *openapi3.T {
	doc, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		panic(err)
	}
	doc.Servers = nil // any host
	return doc
})

// contract finds the route of the document that a request is for.
var contract = sync.OnceValue(func() routers.Router {
	router, err := legacy.NewRouter(document())
	if err != nil {
		panic(err)
	}
	return router
})

// client calls a server as one user, or as nobody when it has no token.
type client struct {
	t     testing.TB
	http  *http.Client
	url   string
	packs bool // whether it speaks MessagePack
	models.Session
}

func newClient(t testing.TB, url string) *client {
	return &client{t: t, http: newHTTP(t), url: url}
}

// guest is a client of its own for a new guest.
func (c *client) guest(name string) *client {
	c.t.Helper()
	g := c.nobody()
	g.call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}).status(201).into(&g.Session)
	return g
}

// as is a client with another token.
func (c *client) as(token string) *client {
	other := *c
	other.AccessToken = token
	return &other
}

// call makes a request that the contract allows; both sides are checked against it. body is encoded as JSON, or in
// MessagePack by a client that speaks it; nil sends none. Headers are given in pairs.
func (c *client) call(method, path string, body any, headers ...string) *answer {
	c.t.Helper()
	a := c.send(method, path, body, headers...)
	a.check(true)
	return a
}

// wrong makes a request that the contract does not allow; the answer must be as the contract has it all the same.
func (c *client) wrong(method, path string, body any, headers ...string) *answer {
	c.t.Helper()
	a := c.send(method, path, body, headers...)
	a.check(false)
	return a
}

func (c *client) send(method, path string, body any, headers ...string) *answer {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a, err := c.try(ctx, method, path, body, headers...)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// try makes a request whose failure the test wants to see.
func (c *client) try(ctx context.Context, method, path string, body any, headers ...string) (*answer, error) {
	sent, isRaw := body.([]byte)
	if !isRaw && body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.packs {
		return c.tryPacked(req, sent, headers)
	}
	return c.do(req, sent, headers)
}

// do makes the request with the client's token and further headers, given in pairs.
func (c *client) do(req *http.Request, sent []byte, headers []string) (*answer, error) {
	if c.AccessToken != "" {
		req.Header.Set("Authorization", "Bearer "+c.AccessToken)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	return &answer{t: c.t, request: req, sent: sent, response: res, body: got}, err
}

// answer is what came back.
type answer struct {
	t        testing.TB
	request  *http.Request
	sent     []byte
	response *http.Response
	body     []byte
}

func (a *answer) String() string {
	return fmt.Sprintf("%s %s → %d %s", a.request.Method, a.request.URL, a.response.StatusCode, a.body)
}

// check holds the request (when it is meant to be right) and the answer against the contract.
func (a *answer) check(requestToo bool) {
	a.t.Helper()
	if err := a.breach(requestToo); err != nil {
		a.t.Fatalf("%v\nis not as the contract has it: %v", a, err)
	}
}

func (a *answer) breach(requestToo bool) error {
	route, params, err := contract().FindRoute(a.request)
	var noRoute *routers.RouteError
	if errors.As(err, &noRoute) && !requestToo {
		return a.isProblem()
	}
	if err != nil {
		return err
	}
	ctx := context.Background()
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
	}
	in := &openapi3filter.RequestValidationInput{
		Request: a.request, PathParams: params, Route: route, Options: options,
	}
	if requestToo {
		a.request.Body = io.NopCloser(bytes.NewReader(a.sent))
		if err := openapi3filter.ValidateRequest(ctx, in); err != nil {
			return err
		}
	}
	return openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.response.StatusCode, Header: a.response.Header, Options: options,
		Body: io.NopCloser(bytes.NewReader(a.body)),
	})
}

// isProblem is what an answer outside the contract's routes must be.
func (a *answer) isProblem() error {
	if got := a.response.Header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Errorf("an error of type %q", got)
	}
	var p models.Problem
	if err := json.Unmarshal(a.body, &p); err != nil {
		return err
	}
	if p.Status != a.response.StatusCode || p.Code == "" || p.Title == "" {
		return fmt.Errorf("an incomplete problem %+v", p)
	}
	return nil
}

func (a *answer) status(want int) *answer {
	a.t.Helper()
	if a.response.StatusCode != want {
		a.t.Fatalf("%v\nwanted status %d", a, want)
	}
	return a
}

// problem wants a status and a code.
func (a *answer) problem(status int, code models.Code) models.Problem {
	a.t.Helper()
	a.status(status)
	var p models.Problem
	a.into(&p)
	if p.Code != code {
		a.t.Fatalf("%v\nwanted code %s", a, code)
	}
	return p
}

func (a *answer) into(v any) *answer {
	a.t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.body))
	if err := d.Decode(v); err != nil {
		a.t.Fatalf("%v: %v", a, err)
	}
	return a
}

func (a *answer) header(name string) string { return a.response.Header.Get(name) }

// room makes a room and answers it.
func (c *client) room(n models.NewRoom) models.Room {
	c.t.Helper()
	var room models.Room
	c.call("POST", "/v1/rooms", n).status(201).into(&room)
	return room
}

// say sends a text and answers the message.
func (c *client) say(roomID int64, text string, headers ...string) models.Message {
	c.t.Helper()
	var m models.Message
	c.call("POST", roomPath(roomID)+"/messages", models.NewMessage{Text: text}, headers...).status(201).into(&m)
	return m
}

func (c *client) join(roomID int64) {
	c.t.Helper()
	c.call("PUT", roomPath(roomID)+"/members/me", nil).status(200)
}

func roomPath(id int64) string { return fmt.Sprintf("/v1/rooms/%d", id) }

func ptr[T any](v T) *T { return &v }

// named is a room's handle in a path.
func named(handle string) string { return "/v1/rooms/%23" + strings.TrimPrefix(handle, "#") }
