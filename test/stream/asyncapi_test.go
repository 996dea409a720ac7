package stream

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/test/harness"
)

// TestAsyncAPIHasEveryEvent compares the messages of asyncapi.yaml with the events of package models, and each example
// with the schema that it is for. The harness checks every event that a test receives.
func TestAsyncAPIHasEveryEvent(t *testing.T) {
	t.Parallel()
	messages := harness.StreamMessages()
	want := eventNames(t)
	if got := slices.Sorted(maps.Keys(messages)); !slices.Equal(got, want) {
		t.Errorf("asyncapi.yaml has the events\n%q\nwant\n%q", got, want)
	}
	for name, message := range messages {
		if len(message.Examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, example := range message.Examples {
			if err := message.Payload.Validate(example); err != nil {
				t.Errorf("the example of %s: %v", name, err)
			}
			if event, _ := example.(map[string]any); event["event"] != name {
				t.Errorf("the example of %s is one of %v", name, event["event"])
			}
			for _, field := range []string{"me", "membership"} { // depend on the reader, and are in no event
				if has(example, field) {
					t.Errorf("the example of %s has %q, which no event has", name, field)
				}
			}
		}
	}
}

// has reports whether a field of the name is anywhere in a value of JSON.
func has(v any, field string) bool {
	switch v := v.(type) {
	case map[string]any:
		if _, found := v[field]; found {
			return true
		}
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), func(v any) bool { return has(v, field) })
	case []any:
		return slices.ContainsFunc(v, func(v any) bool { return has(v, field) })
	}
	return false
}

// eventNames reads the names of all events that clients get from models/event.go, sorted. They are a block of
// constants; the next one has those that no client gets.
func eventNames(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), harness.RepositoryPath("models/event.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		block, ok := d.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST || block.Doc.Text() != "The events of the contract.\n" {
			continue
		}
		for _, spec := range block.Specs {
			for _, v := range spec.(*ast.ValueSpec).Values {
				name, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// TestAsyncAPIIsServed reads asyncapi.yaml as a tool would, which may run in a page of another host.
func TestAsyncAPIIsServed(t *testing.T) {
	t.Parallel()
	const origin = "https://tools.example"
	c := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t), "--cors-origins", origin).URL)
	served := c.Send("GET", "/asyncapi.yaml", nil, "Origin", origin).ExpectStatus(200)
	if !bytes.Equal(served.Body, api.StreamContract) {
		t.Errorf("got %d bytes, which are not asyncapi.yaml", len(served.Body))
	}
	contract := c.Send("HEAD", "/openapi.yaml", nil, "Origin", origin).ExpectStatus(200)
	head := c.Send("HEAD", "/asyncapi.yaml", nil, "Origin", origin).ExpectStatus(200)
	for _, name := range []string{
		"Content-Type", "Cache-Control", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy",
		"Access-Control-Allow-Origin",
	} {
		want := contract.Header(name)
		if want == "" || served.Header(name) != want || head.Header(name) != want {
			t.Errorf("%s: got %q, and %q for HEAD; /openapi.yaml has %q", name, served.Header(name), head.Header(name), want)
		}
	}
	tag := served.Header("ETag")
	if tag == "" || tag != head.Header("ETag") || len(head.Body) > 0 {
		t.Errorf("HEAD has the ETag %q and %d bytes, GET the ETag %q", head.Header("ETag"), len(head.Body), tag)
	}
	c.Send("GET", "/asyncapi.yaml", nil, "If-None-Match", tag).ExpectStatus(304)
}
