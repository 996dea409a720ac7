package api

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// unknownSegments are path segments, already escaped, that name no object.
var unknownSegments = []string{
	"0", "-1", "9223372036854775808", "99999999999999999999999999999999", "abc", "1.5", "1e3", "0x1", "%D9%A3",
	"%F0%9F%98%80",
	"%00", "1%00", "%ff", "1%ff", "%ed%a0%80", "%2F", "a%2Fb", "%2F1", "..", "%2e%2e", "%2e%2e%2f1", "%25", "%3F", "*",
	"%27%20OR%201=1",
	"%23", "%231", "%23%00", "%23%ff", "%40", "%401", "%40%00", "%40%ff", strings.Repeat("9", 5000),
	"%23" + strings.Repeat("x", 5000),
}

// nonCanonicalFormats are formats that turn a valid id into a non-canonical spelling of it.
var nonCanonicalFormats = []string{"%s%%20", "0%s", "%%2B%s", "+%s", "%s.0", "%s%%2F", "%s/", "/%s"}

// TestHostilePaths replaces each path parameter of each operation by values that name no object. The rest of the
// request is valid, and the request changes nothing.
func TestHostilePaths(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "each operation", Run: func(_ *testing.T, c *harness.Client) {
		s := newRequestFixture(c)
		expectSame := expectUnchanged(s.me)
		for _, op := range harness.Operations() {
			if op.Method == "OPTIONS" { // this does not check whether the object exists
				continue
			}
			for _, p := range op.Parameters {
				if p.Value.In != "path" {
					continue
				}
				parts := slices.Clone(unknownSegments)
				for _, form := range nonCanonicalFormats {
					if p.Value.Name == "room" || p.Value.Name == "user" {
						parts = append(parts, fmt.Sprintf(form, s.values()[p.Value.Name]))
					}
				}
				for _, part := range parts {
					if p.Value.Name == "emoji" && part == "%F0%9F%98%80" {
						continue // this is a valid emoji
					}
					a := s.send(op, s.me, s.pathWith(op, p.Value.Name, part))
					if op.Method == "DELETE" && a.HTTP.StatusCode == 204 {
						continue // there is nothing to delete, which expectSame sees
					}
					a.ExpectRefusal(models.CodeNotFound)
				}
			}
		}
		expectSame()
	}}})
}

// wrongValues returns values of a query parameter, already escaped, that the contract does not allow.
func wrongValues(p *openapi3.Parameter) []string {
	bad := []string{"%00", "a%00b", "%ff", "%c3%28"}
	schema := p.Schema.Value
	switch {
	case p.Name == "cursor":
		bad = append(bad, "x", "%20", "AAAA", "....", "null", strings.Repeat("A", 513), strings.Repeat("A", 10_000))
	case schema.Type.Is("integer"):
		bad = append(bad, "", "x", "-1", "1.5", "1e3", "0x10", "%201", "1,2", "9223372036854775808",
			"99999999999999999999999", "null", "[]")
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
		bad = append(bad, "", "x", "yesterday", "0", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T25:00:00Z",
			"2026-01-01%2000:00:00", "1767225600", "99999-01-01T00:00:00Z")
	case schema.MinLength > 0:
		bad = append(bad, "", strings.Repeat("x", int(*schema.MaxLength)+1))
	}
	return bad
}

// TestHostileQueries sends invalid query parameters to each operation that has some, and each parameter
// twice.
func TestHostileQueries(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "each operation", Run: func(t *testing.T, c *harness.Client) {
		s := newRequestFixture(c)
		for _, op := range harness.Operations() {
			for _, p := range op.Parameters {
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
						headers = []string{"Accept", "text/event-stream"} // only the stream has these parameters
					}
					a := s.send(op, s.me, s.withQuery(op, p.Value.Name, query), headers...)
					a.ExpectRefusal(models.CodeInvalidRequest)
					if op.Method != "HEAD" {
						a.ExpectInvalid(p.Value.Name)
					}
				}
			}
		}
		for _, query := range []string{
			"%zz", "limit=%zz", "%ff=1", "%00=1", "a;b", "limit=1;cursor=x", "unknown=1", "=1", "=", "Limit=x",
			strings.Repeat("a=1&", 2000),
		} {
			s.me.CallInvalid("GET", "/v1/rooms?"+query, nil).ExpectRefusal(models.CodeInvalidRequest)
		}
		for _, query := range []string{"", "&", "limit=1&&"} {
			s.me.CallInvalid("GET", "/v1/rooms?"+query, nil).ExpectStatus(200)
		}
		testCursors(t, s)
	}}})
}

// testCursors sends each list cursors that are well-formed but invented, or of another list. The response is a refusal
// or some page, and never a server error.
func testCursors(t *testing.T, s requestFixture) {
	t.Helper()
	for _, op := range harness.Operations() {
		isList := slices.ContainsFunc(op.Parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == "cursor" })
		if !isList {
			continue
		}
		for _, content := range []string{
			"", "x", ":", "1:", ":1", "1:x", "x:1", "1:\xff", "1:\x00", "1:a\x00b", "99999999999999999999:1",
			"1:99999999999999999999",
			"older", "1:older", "-1:older", "0:newer", "9223372036854775807:newer", "1:older:2", "\xff\xff", "1:1", "-5:-5",
			"9223372036854775807:9223372036854775807",
			"1:" + strings.Repeat("x", 300),
		} {
			cursor := base64.RawURLEncoding.EncodeToString([]byte(content))
			a := s.send(op, s.me, s.withQuery(op, "cursor", "cursor="+cursor))
			if a.HTTP.StatusCode != 200 {
				a.ExpectInvalid("cursor")
			} else if err := a.ContractViolation(true); err != nil {
				t.Errorf("%v: %v", a, err)
			}
		}
	}
}

// methods are the methods of HTTP, and some that HTTP does not have.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "FOO"}

// TestMethodsOfEachPath tries every method on every path. The response to a method that the contract does not have
// lists those that it has.
func TestMethodsOfEachPath(t *testing.T) {
	harness.SkipIfShort(t)
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "each path", Run: testMethods},
		{Name: "unknown routes", Run: testUnknownRoutes},
		{Name: "HEAD", Run: testHead},
	})
}

func testMethods(t *testing.T, c *harness.Client) {
	s := newRequestFixture(c)
	expectSame := expectUnchanged(s.me)
	paths := map[string]string{}
	for _, op := range harness.Operations() {
		paths[op.Path] = s.path(op)
	}
	for template, path := range paths {
		path, _, _ = strings.Cut(path, "?")
		allowed, ownOptions := []string{"OPTIONS"}, false
		for _, op := range harness.Operations() {
			if op.Path != template {
				continue // "/v1/rooms/search" looks like "/v1/rooms/{room}", but is not a room
			}
			if allowed = append(allowed, op.Method); op.Method == "GET" {
				allowed = append(allowed, "HEAD")
			}
			ownOptions = ownOptions || op.Method == "OPTIONS"
		}
		slices.Sort(allowed)
		allowed = slices.Compact(allowed)
		allows := func(a *harness.Response) {
			t.Helper()
			got := strings.Split(a.Header("Allow"), ", ")
			slices.Sort(got)
			if !slices.Equal(got, allowed) {
				t.Errorf("%v\ngot Allow %q, want %q", a, got, allowed)
			}
		}
		for _, method := range methods {
			if method != "OPTIONS" && !slices.Contains(allowed, method) {
				a := s.me.Send(method, path, nil)
				a.ExpectRefusal(models.CodeMethodNotAllowed)
				allows(a)
			}
		}
		if !ownOptions {
			allows(c.Send("OPTIONS", path, nil).ExpectStatus(204)) // this needs no token
		}
	}
	expectSame()
}

func testUnknownRoutes(_ *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	for _, path := range []string{
		"/v1", "/v1/", "/v2/rooms", "/v1/room", "/v1/rooms/", "/v1//rooms", "//v1/rooms", "/V1/rooms", "/v1/ROOMS",
		"/v1/rooms/1/unknown", "/v1/rooms/1/messages/1/x",
		"/v1/rooms%2F1", "/v1%2Frooms", "/v1/%00", "/%ff", "/v1/../v1/rooms", "/./v1/rooms", "/favicon.ico", "/.env",
		"/" + strings.Repeat("a", 10_000),
		"/v1/rooms/1/members/", "/healthz/", "/metrics/x", "/docs/../openapi.yaml", "/docs/unknown",
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			me.CallInvalid(method, path, nil).ExpectRefusal(models.CodeNotFound)
			c.CallInvalid(method, path, nil).ExpectRefusal(models.CodeNotFound)
		}
	}
}

// testHead checks that HEAD returns what GET returns, without the body.
func testHead(t *testing.T, c *harness.Client) {
	s := newRequestFixture(c)
	s.stream.Cancel() // otherwise the user's presence could differ between two requests
	harness.Eventually(t, "the stream has ended", func() bool {
		return !harness.Get[models.User](s.me, "/v1/users/me").Online
	})
	for _, op := range harness.Operations() {
		if op.Method != "GET" || op.OperationID == "Metrics" {
			continue
		}
		for _, by := range []*harness.Client{s.me, c} {
			want := s.request(op, by)
			got := by.Send("HEAD", s.path(op), nil, s.headers(op)...)
			if len(got.Body) > 0 || got.HTTP.StatusCode != want.HTTP.StatusCode {
				t.Errorf("HEAD: got %v, GET: %v", got, want)
			}
			for _, name := range []string{
				"Content-Type", "Content-Length", "Cache-Control", "Event-Cursor", "Www-Authenticate",
			} {
				if got.Header(name) != want.Header(name) {
					t.Errorf("%s of %v: got %q, want %q as in GET", name, got, got.Header(name), want.Header(name))
				}
			}
		}
	}
}
