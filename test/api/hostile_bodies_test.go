package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// optionalBody are the operations whose body is optional. Without it, they do the same as with an empty object.
var optionalBody = []string{"BanUser", "PutMember", "RefreshSession"}

// TestHostileBodies sends invalid bodies to each operation that takes JSON. They change nothing, and the valid body is
// accepted afterwards.
func TestHostileBodies(t *testing.T) {
	chosen := func(op harness.Operation) bool { return op.TakesJSON() }
	eachOperation(t, chosen, func(t *testing.T, c *harness.Client, op harness.Operation) {
		s := newRequestFixture(c)
		s.unattached = models.File{} // a message that has a file needs no text
		if op.OperationID == "ChangePassword" {
			s.me = c.NewAccount("me") // guests have no password
		}
		by := s.me
		if !op.NeedsToken() {
			by = c
		}
		expectSame := expectUnchanged(s.me)
		h := hostile{t: t, requestFixture: s, op: op, by: by}
		h.malformed()
		h.wrongTypes()
		h.tooLarge()
		for name, value := range s.body(op) {
			h.field(name, value)
		}
		h.fields()
		expectSame()
		if a := s.request(op, by); a.HTTP.StatusCode >= 300 {
			t.Errorf("after all of that, a valid request was refused: %v", a)
		}
	})
}

// hostile sends invalid variants of an operation's valid request.
type hostile struct {
	t              *testing.T
	requestFixture requestFixture
	op             harness.Operation
	by             *harness.Client
}

// post sends a body.
func (h hostile) post(body []byte, headers ...string) *harness.Response {
	h.t.Helper()
	return h.by.Send(h.op.Method, h.requestFixture.path(h.op), body, headers...)
}

// valid returns the operation's valid body as JSON.
func (h hostile) valid() []byte { return encoded(h.requestFixture.body(h.op)) }

// encoded returns a value as JSON.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// malformed sends bodies that are not one JSON object in UTF-8.
func (h hostile) malformed() {
	h.t.Helper()
	valid := string(h.valid())
	broken := strings.Replace(valid, `":"`, "\":\"\xc3\x28", 1) // inside a text, if the body has one
	if broken == valid {
		broken = "\xc3\x28"
	}
	for _, body := range []string{
		"{", "}", `{"`, valid[:len(valid)-1], valid[1:], "hello", "'{}'", `{"a":1,}`, `{"a" 1}`, `{a:1}`, `{"a":NaN}`,
		`{"a":01}`, "{} // no",
		"[]", "[" + valid + "]", `"` + "text" + `"`, "17", "null", "true", " ", "\x00", "\ufeff" + valid,
		valid + "{}", valid + valid, valid + " x", valid + "]", valid + "\x00",
		strings.Replace(valid, `"`, "\"\xff", 1), broken, valid[:len(valid)-1] + ",\"\xed\xa0\x80\":1}",
		strings.Repeat("[", 200_000), strings.Repeat(`{"a":`, 100_000),
		`{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}",
		"\xff\xfe{\x00}\x00",
	} {
		h.post([]byte(body)).ExpectRefusal(models.CodeMalformedBody)
	}
	if !slices.Contains(optionalBody, h.op.OperationID) {
		h.post([]byte{}).ExpectRefusal(models.CodeMalformedBody)
	}
}

// wrongTypes sends the valid body with media types other than JSON.
func (h hostile) wrongTypes() {
	h.t.Helper()
	for _, mediaType := range []string{
		"text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/xml", "json", "*/*",
		"application/json, text/plain", "/",
	} {
		h.post(h.valid(), "Content-Type", mediaType).ExpectRefusal(models.CodeUnsupportedMediaType)
	}
	h.post(h.valid(), "Content-Type", "").ExpectRefusal(models.CodeUnsupportedMediaType)
}

// tooLarge sends bodies of more than 1 MiB, and a smaller one of unknown fields alone: the response to that stays
// small.
func (h hostile) tooLarge() {
	h.t.Helper()
	h.post([]byte(`{"unknown":"` + strings.Repeat("x", 2<<20) + `"}`)).ExpectRefusal(models.CodeTooLarge)
	valid := h.valid()
	h.post(append(valid, bytes.Repeat([]byte(" "), 1<<20-len(valid)+1)...)).ExpectRefusal(models.CodeTooLarge)
	h.chunked(2 << 20).ExpectRefusal(models.CodeTooLarge)
	many := map[string]any{strings.Repeat("n", 100_000): 1}
	for i := range 2_000 {
		many[fmt.Sprintf("%d%s", i, strings.Repeat("n", 400))] = 1
	}
	a := h.post(encoded(many))
	a.ExpectRefusal(models.CodeInvalidRequest)
	if len(a.Body) > 8<<10 {
		h.t.Errorf("the response to a megabyte of unknown fields has %d bytes", len(a.Body))
	}
}

// chunked sends a body in chunks, without its length.
func (h hostile) chunked(size int64, headers ...string) *harness.Response {
	h.t.Helper()
	body := io.LimitReader(spaces{}, size)
	req, err := http.NewRequestWithContext(h.t.Context(), h.op.Method, h.by.URL+h.requestFixture.path(h.op), body)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if h.by.AccessToken != "" {
		req.Header.Set("Authorization", "Bearer "+h.by.AccessToken)
	}
	res, err := h.by.HTTP.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return &harness.Response{T: h.t, Request: req, HTTP: res, Body: got}
}

// spaces is an endless reader of spaces.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) { return copy(b, bytes.Repeat([]byte(" "), len(b))), nil }

// field sends the valid body with one field replaced by invalid values.
func (h hostile) field(name string, good any) {
	h.t.Helper()
	kinds := map[string][]any{
		"text": {"text", "", "1", "true"},
		"number": {1, 1.5, -0.0001, json.Number("1e400"), json.Number("9223372036854775808"),
			json.Number("-9223372036854775809")},
		"boolean": {true, false},
		"list":    {[]any{}, []any{1}, []any{[]any{}}, []any{nil}, []any{map[string]any{}}},
		"object":  {map[string]any{}, map[string]any{"a": nil}},
		"deep":    {json.RawMessage(strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000))},
	}
	p := h.op.Property(name)
	switch {
	case p.Type.Is("string"):
		kinds["text"] = nil
		if len(p.Enum) > 0 {
			kinds["text"] = []any{"unknown", "", " ", strings.ToUpper(fmt.Sprint(good))}
		}
		if p.MinLength > 0 {
			kinds["text"] = append(kinds["text"], "", strings.Repeat("x", int(p.MinLength)-1))
		}
		if p.MaxLength != nil {
			kinds["text"] = append(kinds["text"], strings.Repeat("x", int(*p.MaxLength)+1),
				strings.Repeat("界", int(*p.MaxLength)+1))
		}
		kinds["text"] = append(kinds["text"], "\x00", fmt.Sprint(good)+"\x00", "a\x00b")
	case p.Type.Is("integer"):
		kinds["number"] = append(kinds["number"][1:], *p.Min-1)
	case p.Type.Is("boolean"):
		kinds["boolean"] = nil
	case p.Type.Is("array"):
		kinds["list"] = append(kinds["list"][1:], []any{"a\x00b"}, []any{""}, []any{strings.Repeat("f", 129)},
			slices.Repeat([]any{"f"}, 11))
	}
	needed := slices.Contains(h.op.RequestBody.Value.Content["application/json"].Schema.Value.Required, name)
	bad := slices.Concat(slices.Collect(maps.Values(kinds))...)
	if needed && h.op.Method != "PATCH" { // null is the same as no field, and it clears the field in a patch
		bad = append(bad, nil)
	}
	for _, value := range bad {
		body := h.requestFixture.body(h.op)
		body[name] = value
		h.expectField(name, body)
	}
	if needed {
		body := h.requestFixture.body(h.op)
		delete(body, name)
		h.expectField(name, body)
	}
}

// expectField sends a body, and expects a problem that names the field.
func (h hostile) expectField(name string, body map[string]any) {
	h.t.Helper()
	a := h.post(encoded(body))
	a.ExpectRefusal(models.CodeInvalidRequest)
	var p models.Problem
	a.Decode(&p)
	for _, e := range p.Errors {
		if e.Field == name || strings.HasPrefix(e.Field, name+"[") {
			return
		}
	}
	h.t.Errorf("%.500s\ngot %v\nwant a problem that names %s", encoded(body), a, name)
}

// fields sends the valid body with unknown fields. Names of fields are case-sensitive.
func (h hostile) fields() {
	h.t.Helper()
	names := []string{"unknown", "", " ", "id", "__proto__", "a\x00b", "ключ", "sender_id", "role_"}
	for name := range h.requestFixture.body(h.op) {
		names = append(names, strings.ToUpper(name), strings.ToUpper(name[:1])+name[1:], name+" ", " "+name)
	}
	for _, name := range names {
		body := h.requestFixture.body(h.op)
		body[name] = 1
		a := h.post(encoded(body))
		a.ExpectRefusal(models.CodeInvalidRequest)
		a.ExpectInvalid(name)
	}
}
