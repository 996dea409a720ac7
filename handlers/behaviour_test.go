package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/parley-chat/parley/models"
)

// TestBodies sends bodies that are not what the route takes, and some that are.
func TestBodies(t *testing.T) {
	s := newTestServer(t, Settings{})
	token := s.signUp("ada").AccessToken
	const typeHeader = "Content-Type"
	for _, c := range []struct {
		name   string
		body   []byte
		header []string
		status int
		code   models.Code
		field  string // that the problem names; "" for none
	}{
		{"nothing", nil, nil, 400, models.CodeMalformedBody, ""},
		{"not JSON", []byte(`{"name":`), nil, 400, models.CodeMalformedBody, ""},
		{"a list", []byte(`[]`), nil, 400, models.CodeMalformedBody, ""},
		{"not UTF-8", []byte("{\"name\":\"\xff\"}"), nil, 400, models.CodeMalformedBody, ""},
		{"trailing data", []byte(`{"name":"Tea"} {}`), nil, 400, models.CodeMalformedBody, ""},
		{"an unknown field", []byte(`{"name":"Tea","names":"Tea"}`), nil, 400, models.CodeInvalidRequest, "names"},
		{"another case", []byte(`{"Name":"Tea"}`), nil, 400, models.CodeInvalidRequest, "Name"},
		{"a number for a string", []byte(`{"name":7}`), nil, 400, models.CodeInvalidRequest, "name"},
		{"an empty word", []byte(`{"name":"Tea","kind":""}`), nil, 400, models.CodeInvalidRequest, "kind"},
		{"a wrong word", []byte(`{"name":"Tea","kind":"secret"}`), nil, 400, models.CodeInvalidRequest, "kind"},
		{"another type", []byte(`{"name":"Tea"}`), []string{typeHeader, "text/plain"}, 415,
			models.CodeUnsupportedMediaType, ""},
		{"no type", []byte(`{"name":"Tea"}`), []string{typeHeader, ""}, 415, models.CodeUnsupportedMediaType, ""},
		{"JSON that is called MessagePack", []byte(`{"name":"Tea"}`), []string{typeHeader, "application/msgpack"}, 400,
			models.CodeMalformedBody, ""},
		{"too much", fmt.Appendf(nil, `{"name":%q}`, strings.Repeat("x", models.MaxBodyBytes)), nil, 413,
			models.CodeTooLarge, ""},
		{"just not too much", []byte(`{"name":"Tea"` + strings.Repeat(" ", models.MaxBodyBytes-14) + "}"), nil, 201, "", ""},
		{"a field twice", []byte(`{"name":"Coffee","name":"Tea"}`), nil, 400, models.CodeInvalidRequest, "name"},
		{"null", []byte(`{"name":"Tea","description":null}`), nil, 201, "", ""},
		{"a charset", []byte(`{"name":"Tea"}`), []string{typeHeader, "application/json; charset=utf-8"}, 201, "", ""},
	} {
		a := s.do(http.MethodPost, "/v1/rooms", token, c.body, c.header...)
		if a.status != c.status || a.code() != c.code {
			t.Errorf("%s: %v", c.name, a)
			continue
		}
		var problem models.Problem
		if c.field != "" &&
			(json.Unmarshal(a.body, &problem) != nil || len(problem.Errors) != 1 || problem.Errors[0].Field != c.field) {
			t.Errorf("%s: the problem names another field than %s: %v", c.name, c.field, a)
		}
	}
	if names := s.rooms(token); len(names) != 3 ||
		slices.ContainsFunc(names, func(name string) bool { return name != "Tea" }) {
		t.Errorf("in the end the rooms are %q", names)
	}
}

// TestPatchWithNull sends null in a PATCH: it clears the field, and one that is left out stays.
func TestPatchWithNull(t *testing.T) {
	s := newTestServer(t, Settings{})
	token := s.signUp("ada").AccessToken
	patch := func(body string) (room models.Room) {
		a := s.do(http.MethodPatch, "/v1/rooms/%23tea", token, []byte(body))
		if err := json.Unmarshal(a.body, &room); a.status != http.StatusOK || err != nil {
			t.Fatal(a, err)
		}
		return room
	}
	if a := s.do(
		http.MethodPost, "/v1/rooms", token, []byte(`{"name":"Tea","handle":"tea","description":"Hot"}`),
	); a.status != http.StatusCreated {
		t.Fatal(a)
	}
	if room := patch(`{"name":"The tea"}`); room.Name != "The tea" || room.Description != "Hot" {
		t.Errorf("a new name gives %+v", room)
	}
	if room := patch(`{"description":null}`); room.Name != "The tea" || room.Description != "" {
		t.Errorf("no description gives %+v", room)
	}
}

// TestMessagePack does the same in JSON and in MessagePack: the responses have the same fields.
func TestMessagePack(t *testing.T) {
	s := newTestServer(t, Settings{})
	token := s.signUp("ada").AccessToken
	packed, err := msgpack.Marshal(map[string]any{"name": "Tea", "kind": "private"})
	if err != nil {
		t.Fatal(err)
	}
	a := s.do(
		http.MethodPost, "/v1/rooms", token, packed, "Content-Type", "application/msgpack", "Accept", "application/msgpack",
	)
	var room map[string]any
	if err := msgpack.Unmarshal(a.body, &room); a.status != http.StatusCreated || err != nil {
		t.Fatal(a, err)
	}
	var again map[string]any
	b := s.do(http.MethodGet, a.header.Get("Location"), token, nil)
	if err := json.Unmarshal(b.body, &again); b.status != http.StatusOK || err != nil {
		t.Fatal(b, err)
	}
	if a.header.Get("Content-Type") != "application/msgpack" || b.header.Get("Content-Type") != "application/json" {
		t.Errorf("the types are %s and %s", a.header.Get("Content-Type"), b.header.Get("Content-Type"))
	}
	if fmt.Sprint(room["name"], room["kind"], room["member_count"]) != fmt.Sprint(
		again["name"], again["kind"], again["member_count"],
	) ||
		len(room) != len(again) {
		t.Errorf("in MessagePack the room is %v, in JSON %v", room, again)
	}
	if a := s.do(
		http.MethodPost, "/v1/rooms", token, []byte("\xc1"), "Content-Type", "application/msgpack",
	); a.code() != models.CodeMalformedBody {
		t.Errorf("a byte that is not the start of a value: %v", a)
	}
}

// TestNotAcceptable creates a room for a client that accepts no response: it is refused before anything is created.
func TestNotAcceptable(t *testing.T) {
	s := newTestServer(t, Settings{})
	token := s.signUp("ada").AccessToken
	if a := s.do(
		http.MethodPost, "/v1/rooms", token, []byte(`{"name":"Tea"}`), "Accept", "image/png",
	); a.status != http.StatusNotAcceptable {
		t.Error(a)
	}
	if names := s.rooms(token); len(names) != 0 {
		t.Errorf("the rooms are %q", names)
	}
}

// TestIdempotencyKeys repeats requests with an Idempotency-Key.
func TestIdempotencyKeys(t *testing.T) {
	s := newTestServer(t, Settings{})
	ada, grace := s.signUp("ada").AccessToken, s.signUp("grace").AccessToken
	create := func(token, key, body string) testResponse {
		return s.do(http.MethodPost, "/v1/rooms", token, []byte(body), "Idempotency-Key", key)
	}
	first := create(ada, "k", `{"name":"Tea"}`)
	if first.status != http.StatusCreated || first.header.Get("Idempotency-Replayed") != "" {
		t.Fatal(first)
	}
	again := create(ada, "k", `{"name":"Tea"}`)
	if again.status != http.StatusCreated || again.header.Get("Idempotency-Replayed") != "true" ||
		!bytes.Equal(again.body, first.body) {
		t.Errorf("the repeated request gets %v", again)
	}
	for _, name := range []string{"Location", "Event-Id"} {
		if again.header.Get(name) != first.header.Get(name) || first.header.Get(name) == "" {
			t.Errorf("%s is %q, and then %q", name, first.header.Get(name), again.header.Get(name))
		}
	}
	if a := create(ada, "k", `{"name":"Coffee"}`); a.code() != models.CodeIdempotencyMismatch ||
		a.status != http.StatusConflict {
		t.Errorf("another body under the same key gets %v", a)
	}
	if a := create(grace, "k", `{"name":"Tea"}`); a.status != http.StatusCreated ||
		a.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("the same key of another caller gets %v", a)
	}
	for _, key := range []string{strings.Repeat("x", models.MaxIdempotencyKey+1), "a b", "é"} {
		if a := create(ada, key, `{"name":"Tea"}`); a.code() != models.CodeInvalidRequest {
			t.Errorf("the key %q gets %v", key, a)
		}
	}
	if names := s.rooms(ada); len(names) != 1 {
		t.Errorf("the rooms are %q", names)
	}
}

// TestSignUpTwiceWithAKey repeats a sign-up: the same secret gets the same session, another one learns nothing of the
// key.
func TestSignUpTwiceWithAKey(t *testing.T) {
	s := newTestServer(t, Settings{})
	signUp := func(password string) testResponse {
		body := fmt.Appendf(nil, `{"username":"ada","password":%q}`, password)
		return s.do(http.MethodPost, "/v1/users", "", body, "Idempotency-Key", "k")
	}
	first, again := signUp("correct horse"), signUp("correct horse")
	if first.status != http.StatusCreated || !bytes.Equal(first.body, again.body) ||
		again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("a repeated sign-up gets %v, and first got %v", again, first)
	}
	if a := signUp("another horse"); a.code() != models.CodeUsernameTaken {
		t.Errorf("another password gets %v", a)
	}
}

// TestWrongPasswords tries passwords until there is a wait, which also holds for the right password.
func TestWrongPasswords(t *testing.T) {
	s := newTestServer(t, Settings{RateLimit: true, RequestsPerMinute: models.MaxRequestsPerMinute})
	s.signUp("ada")
	logIn := func(password string) testResponse {
		return s.do(http.MethodPost, "/v1/sessions", "", fmt.Appendf(nil, `{"username":"ada","password":%q}`, password))
	}
	for range models.MaxWrongPasswords {
		if a := logIn("wrong horse"); a.code() != models.CodeBadCredentials {
			t.Fatal(a)
		}
	}
	a := logIn("correct horse")
	if wait, err := strconv.Atoi(a.header.Get("Retry-After")); a.code() != models.CodeRateLimited || err != nil ||
		wait < 1 {
		t.Errorf("after %d wrong passwords: %v, Retry-After: %s", models.MaxWrongPasswords, a, a.header.Get("Retry-After"))
	}
}

// TestRequestLimit makes as many requests as a user may in a minute. What is left is in the headers.
func TestRequestLimit(t *testing.T) {
	const most = 10
	s := newTestServer(t, Settings{RateLimit: true, RequestsPerMinute: most})
	token := s.signUp("ada").AccessToken
	a := s.do(http.MethodGet, "/v1/rooms", token, nil)
	if want := fmt.Sprintf(`"requests";r=%d;`, most-1); !strings.HasPrefix(
		a.header.Get("RateLimit"), want,
	) {
		t.Errorf("after the first request RateLimit is %s", a.header.Get("RateLimit"))
	}
	for range 2 * most { // if a minute ends meanwhile, more than one minute's are needed
		if a = s.do(http.MethodGet, "/v1/rooms", token, nil); a.status != http.StatusOK {
			break
		}
	}
	if a.code() != models.CodeRateLimited {
		t.Errorf("one request too many gets %v", a)
	}
	if a := s.do(http.MethodGet, "/healthz", "", nil); a.status != http.StatusOK || a.header.Get("RateLimit") != "" {
		t.Errorf("a probe is counted: %v", a)
	}
}

// TestGuestsAreChosen lets guests in only if the server takes them.
func TestGuestsAreChosen(t *testing.T) {
	for allowed, status := range map[bool]int{true: http.StatusCreated, false: http.StatusForbidden} {
		s := newTestServer(t, Settings{Guests: allowed})
		if a := s.do(http.MethodPost, "/v1/sessions", "", []byte(`{"username":"grace","guest":true}`)); a.status != status {
			t.Errorf("allowed %v: %v", allowed, a)
		}
	}
}
