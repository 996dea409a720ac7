package main

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/parley-chat/parley/models"
)

// nowhere are parts of a path, escaped already, that name nothing.
var nowhere = []string{
	"0", "-1", "9223372036854775808", "99999999999999999999999999999999", "abc", "1.5", "1e3", "0x1", "%D9%A3", "%F0%9F%98%80",
	"%00", "1%00", "%ff", "1%ff", "%ed%a0%80", "%2F", "a%2Fb", "%2F1", "..", "%2e%2e", "%2e%2e%2f1", "%25", "%3F", "*", "%27%20OR%201=1",
	"%23", "%231", "%23%00", "%23%ff", "%40", "%401", "%40%00", "%40%ff", strings.Repeat("9", 5000), "%23" + strings.Repeat("x", 5000),
}

// canonical are ids that would be good ones if they were not written so.
var canonical = []string{"%s%%20", "0%s", "%%2B%s", "+%s", "%s.0", "%s%%2F", "%s/", "/%s"}

// TestHostilePaths puts into the path of each operation, in place of each of its parameters, what names nothing. The rest
// of the request is valid, and nothing comes of it.
func TestHostilePaths(t *testing.T) {
	play(t, []scenario{{"each operation", func(_ *testing.T, c *client) {
		s := newStage(c)
		stillSo := s.me.unchanged()
		for _, op := range operations() {
			if op.method == "OPTIONS" { // which does not look whether there is such a thing
				continue
			}
			for _, p := range op.parameters {
				if p.Value.In != "path" {
					continue
				}
				parts := slices.Clone(nowhere)
				for _, form := range canonical {
					if p.Value.Name == "room" || p.Value.Name == "user" {
						parts = append(parts, fmt.Sprintf(form, s.values()[p.Value.Name]))
					}
				}
				for _, part := range parts {
					if p.Value.Name == "emoji" && part == "%F0%9F%98%80" {
						continue // which is one
					}
					s.send(op, s.me, s.at(op, p.Value.Name, part)).refused(models.CodeNotFound)
				}
			}
		}
		stillSo()
	}}})
}

// wrongValues are values of a query parameter, escaped already, that the contract does not allow.
func wrongValues(p *openapi3.Parameter) []string {
	bad := []string{"%00", "a%00b", "%ff", "%c3%28"}
	schema := p.Schema.Value
	switch {
	case p.Name == "cursor":
		bad = append(bad, "x", "%20", "AAAA", "....", "null", strings.Repeat("A", 513), strings.Repeat("A", 10_000))
	case schema.Type.Is("integer"):
		bad = append(bad, "", "x", "-1", "1.5", "1e3", "0x10", "%201", "1,2", "9223372036854775808", "99999999999999999999999", "null", "[]")
		if schema.Min != nil {
			bad = append(bad, fmt.Sprint(*schema.Min-1))
		}
		if schema.Max != nil {
			bad = append(bad, fmt.Sprint(*schema.Max+1))
		}
	case schema.Type.Is("boolean"):
		bad = append(bad, "", "x", "2", "-1", "yes", "null", "tru", "true,false")
	case schema.Type.Is("array"):
		bad = append(bad, "0", "x", "-1", "9223372036854775808", "1.5", "1,x")
	case schema.Format == "date-time":
		bad = append(bad, "", "x", "yesterday", "0", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T25:00:00Z", "2026-01-01%2000:00:00", "1767225600", "99999-01-01T00:00:00Z")
	case schema.MinLength > 0:
		bad = append(bad, "", strings.Repeat("x", int(*schema.MaxLength)+1))
	}
	return bad
}

// TestHostileQueries gives each operation that takes parameters wrong ones, and each of them twice.
func TestHostileQueries(t *testing.T) {
	play(t, []scenario{{"each operation", func(t *testing.T, c *client) {
		s := newStage(c)
		for _, op := range operations() {
			for _, p := range op.parameters {
				if p.Value.In != "query" {
					continue
				}
				queries := []string{p.Value.Name + "=1&" + p.Value.Name + "=1"}
				if p.Value.Schema.Value.Type.Is("array") {
					queries = []string{strings.Repeat(p.Value.Name+"=1&", 200) + p.Value.Name + "=1"}
				}
				for _, value := range wrongValues(p.Value) {
					queries = append(queries, p.Value.Name+"="+value)
				}
				for _, query := range queries {
					var headers []string
					if op.OperationID == "StreamEvents" && slices.Contains([]string{"room", "last_event_id"}, p.Value.Name) {
						headers = []string{"Accept", "text/event-stream"} // of which the other form knows nothing
					}
					a := s.send(op, s.me, s.asking(op, p.Value.Name, query), headers...)
					a.refused(models.CodeInvalidRequest)
					if op.method != "HEAD" {
						a.invalid(p.Value.Name)
					}
				}
			}
		}
		for _, query := range []string{"%zz", "limit=%zz", "%ff=1", "%00=1", "a;b", "limit=1;cursor=x"} {
			s.me.wrong("GET", "/v1/rooms?"+query, nil).refused(models.CodeInvalidRequest)
		}
		for _, query := range []string{"", "&", "unknown=1", "=1", "=", "limit=1&&", "Limit=x", strings.Repeat("a=1&", 2000)} {
			s.me.wrong("GET", "/v1/rooms?"+query, nil).status(200)
		}
		testCursors(t, s)
	}}})
}

// testCursors gives each list cursors that could be one's own and are not: made up, or of another list. They are refused
// or lead to some page, and never to an error of the server.
func testCursors(t *testing.T, s stage) {
	t.Helper()
	for _, op := range operations() {
		isList := slices.ContainsFunc(op.parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == "cursor" })
		if !isList {
			continue
		}
		for _, inside := range []string{
			"", "x", ":", "1:", ":1", "1:x", "x:1", "1:\xff", "1:\x00", "1:a\x00b", "99999999999999999999:1", "1:99999999999999999999",
			"older", "1:older", "-1:older", "0:newer", "9223372036854775807:newer", "1:older:2", "\xff\xff", "1:1", "-5:-5", "9223372036854775807:9223372036854775807",
			"1:" + strings.Repeat("x", 300),
		} {
			cursor := base64.RawURLEncoding.EncodeToString([]byte(inside))
			a := s.send(op, s.me, s.asking(op, "cursor", "cursor="+cursor))
			if a.response.StatusCode != 200 {
				a.invalid("cursor")
			} else if err := a.breach(true); err != nil {
				t.Errorf("%v: %v", a, err)
			}
		}
	}
}

// methods are all that HTTP has, and some that it has not.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "FOO"}

// TestMethods tries every method on every path. One that the contract does not have is answered by those that it has.
func TestMethods(t *testing.T) {
	long(t)
	play(t, []scenario{
		{"each path", testMethods},
		{"unknown routes", testUnknownRoutes},
		{"HEAD", testHead},
	})
}

func testMethods(t *testing.T, c *client) {
	s := newStage(c)
	stillSo := s.me.unchanged()
	paths := map[string]string{}
	for _, op := range operations() {
		paths[op.path] = s.path(op)
	}
	for template, path := range paths {
		path, _, _ = strings.Cut(path, "?")
		allowed, ownOptions := []string{"OPTIONS"}, false
		for _, op := range operations() {
			if op.path != template {
				continue // "/v1/rooms/search" looks like "/v1/rooms/{room}", and is no room
			}
			if allowed = append(allowed, op.method); op.method == "GET" {
				allowed = append(allowed, "HEAD")
			}
			ownOptions = ownOptions || op.method == "OPTIONS"
		}
		slices.Sort(allowed)
		allowed = slices.Compact(allowed)
		allows := func(a *answer) {
			t.Helper()
			got := strings.Split(a.header("Allow"), ", ")
			slices.Sort(got)
			if !slices.Equal(got, allowed) {
				t.Errorf("%v\nallows %q, the contract %q", a, got, allowed)
			}
		}
		for _, method := range methods {
			if method != "OPTIONS" && !slices.Contains(allowed, method) {
				a := s.me.send(method, path, nil)
				a.refused(models.CodeMethodNotAllowed)
				allows(a)
			}
		}
		if !ownOptions {
			allows(c.send("OPTIONS", path, nil).status(204)) // which needs no token
		}
	}
	stillSo()
}

func testUnknownRoutes(_ *testing.T, c *client) {
	me := c.newcomer("ada")
	for _, path := range []string{
		"/v1", "/v1/", "/v2/rooms", "/v1/room", "/v1/rooms/", "/v1//rooms", "//v1/rooms", "/V1/rooms", "/v1/ROOMS", "/v1/rooms/1/unknown", "/v1/rooms/1/messages/1/x",
		"/v1/rooms%2F1", "/v1%2Frooms", "/v1/%00", "/%ff", "/v1/../v1/rooms", "/./v1/rooms", "/favicon.ico", "/.env", "/" + strings.Repeat("a", 10_000),
		"/v1/rooms/1/members/", "/healthz/", "/metrics/x", "/docs/../openapi.yaml", "/docs/unknown",
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			me.wrong(method, path, nil).refused(models.CodeNotFound)
			c.wrong(method, path, nil).refused(models.CodeNotFound)
		}
	}
}

// testHead: HEAD answers what GET does, without the body.
func testHead(t *testing.T, c *client) {
	s := newStage(c)
	s.stream.cancel() // whose user comes and goes would be a difference
	eventually(t, "the stream has ended", func() bool { return !get[models.User](s.me, "/v1/users/me").Online })
	for _, op := range operations() {
		if op.method != "GET" || op.OperationID == "Metrics" {
			continue
		}
		for _, by := range []*client{s.me, c} {
			want := s.request(op, by)
			got := by.send("HEAD", s.path(op), nil, s.headers(op)...)
			if len(got.body) > 0 || got.response.StatusCode != want.response.StatusCode {
				t.Errorf("%v, but %v", got, want)
			}
			for _, name := range []string{"Content-Type", "Content-Length", "Cache-Control", "Event-Cursor", "Www-Authenticate"} {
				if got.header(name) != want.header(name) {
					t.Errorf("%s of %v is %q, of GET %q", name, got, got.header(name), want.header(name))
				}
			}
		}
	}
}
