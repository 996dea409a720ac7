package api

import (
	"net/url"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// openQuery reports whether an operation ignores query parameters that it does not know.
func openQuery(op harness.Operation) bool {
	return op.Extensions["x-unknown-query-parameters"] == "ignored"
}

// TestQueriesOfEveryOperation sends each operation a parameter that it does not have, and each of its own twice.
func TestQueriesOfEveryOperation(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "queries", Run: func(t *testing.T, c *harness.Client) {
		s := newRequestFixture(c)
		for _, op := range harness.Operations() {
			const unknown = "surprise"
			a := s.send(op, s.me, s.withQuery(op, "", unknown+"=1"))
			if named := namesField(a, unknown); named == openQuery(op) {
				t.Errorf("%s with an unknown parameter: %v", op.OperationID, a)
			}
			for _, p := range op.Parameters {
				if p.Value.In != "query" {
					continue
				}
				pair := p.Value.Name + "=" + url.QueryEscape(harness.FormatExample(queryExample(p.Value.Example)))
				isList := p.Value.Schema.Value.Type.Is("array")
				a := s.send(op, s.me, s.withQuery(op, p.Value.Name, pair+"&"+pair))
				if named := namesField(a, p.Value.Name); named == isList {
					t.Errorf("%s with %s twice: %v", op.OperationID, p.Value.Name, a)
				}
			}
		}
	}}})
}

// queryExample is an example of a parameter, which may have none.
func queryExample(example any) any {
	switch example := example.(type) {
	case nil:
		return "1"
	case []any:
		return example[0]
	}
	return example
}

// namesField reports whether a response is invalid_request about a field. HEAD has no body to say so.
func namesField(a *harness.Response, field string) bool {
	if a.Request.Method == "HEAD" {
		return a.HTTP.StatusCode == 400
	}
	if a.HTTP.StatusCode != 400 || !strings.HasPrefix(a.Header("Content-Type"), "application/problem+json") {
		return false
	}
	p := a.ExpectProblem(400, models.CodeInvalidRequest)
	for _, e := range p.Errors {
		if e.Field == field {
			return true
		}
	}
	return false
}

// TestQueryErrorsAreBounded sends more unknown parameters than a response names, and names that are no names.
func TestQueryErrorsAreBounded(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "queries", Run: func(t *testing.T, c *harness.Client) {
		me := c.NewGuest("me")
		many := make([]string, 200)
		for i := range many {
			many[i] = strings.Repeat("x", i+1) + "="
		}
		p := me.CallInvalid("GET", "/v1/rooms?"+strings.Join(many, "&"), nil).
			ExpectProblem(400, models.CodeInvalidRequest)
		if len(p.Errors) != 20 {
			t.Errorf("got %d errors, want 20", len(p.Errors))
		}
		p = me.CallInvalid("GET", "/v1/rooms?"+strings.Repeat("y", 1000), nil).ExpectProblem(400, models.CodeInvalidRequest)
		if len(p.Errors) != 1 || len(p.Errors[0].Field) != 64 {
			t.Errorf("a long name: got %v", p.Errors)
		}
		me.CallInvalid("GET", "/v1/rooms?=1", nil).ExpectProblem(400, models.CodeInvalidRequest)
		me.Call("GET", "/v1/rooms?&", nil).ExpectStatus(200)
		me.Send("HEAD", "/v1/rooms?limit=1", nil).ExpectStatus(200)
		me.Send("HEAD", "/v1/rooms?limits=1", nil).ExpectStatus(400)
		c.CallInvalid("GET", "/v1/rooms?limits=1", nil).ExpectProblem(401, models.CodeUnauthenticated)
	}}})
}
