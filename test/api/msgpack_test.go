package api

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestMessagePack(t *testing.T) {
	harness.SkipIfShort(t)
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "each operation", Run: testEachPacked},
		{Name: "the same response in both encodings", Run: testSameInBothEncodings},
		{Name: "Accept decides, not Content-Type", Run: testPackedAccept},
		{Name: "one Idempotency-Key in both encodings", Run: testKeyAcrossEncodings},
		{Name: "all types of numbers", Run: testPackedNumbers},
		{Name: "malformed bodies", Run: testMalformedPacked},
		{Name: "sizes larger than the body", Run: testClaimedSizes},
	})
}

// testEachPacked sends the valid request of each operation in MessagePack: it gets the same status as in JSON.
func testEachPacked(t *testing.T, c *harness.Client) {
	for _, op := range harness.Operations() {
		if op.OperationID == "Metrics" { // Prometheus has a format of its own
			continue
		}
		inJSON, inMsgpack := newRequestFixture(c), newRequestFixture(c.WithMessagePack())
		byJSON, byMsgpack := inJSON.me, inMsgpack.me
		switch {
		case !op.NeedsToken():
			byJSON, byMsgpack = c, c.WithMessagePack()
		case op.OperationID == "ChangePassword":
			byJSON, byMsgpack = c.NewAccount("me"), c.WithMessagePack().NewAccount("me")
		}
		want := inJSON.request(op, byJSON)
		a := inMsgpack.request(op, byMsgpack)
		a.CheckContract(true)
		if a.HTTP.StatusCode != want.HTTP.StatusCode {
			t.Errorf("got %v, want the status %d as in JSON", a, want.HTTP.StatusCode)
		}
	}
}

// testSameInBothEncodings reads one object of each type in both encodings, and a problem with its errors.
func testSameInBothEncodings(t *testing.T, c *harness.Client) {
	s := newRequestFixture(c)
	s.me.Call("PUT", harness.MessagePath(s.message)+"/reactions/👍", nil).ExpectStatus(200)
	for _, path := range []string{
		"/v1/users/me", "/v1/rooms", harness.RoomPath(s.room.ID), harness.RoomPath(s.room.ID) + "/members",
		harness.RoomPath(s.room.ID) + "/messages",
		harness.MessagePath(s.message), harness.RoomPath(s.room.ID) + "/invites", "/v1/sessions", "/v1/events/log?limit=100",
	} {
		want := s.me.Call("GET", path, nil, "Accept", "application/json").ExpectStatus(200)
		got := s.me.WithMessagePack().Call("GET", path, nil, "Accept", "application/json").ExpectStatus(200)
		wantSameObject(t, got, want)
	}
	wrong := map[string]any{"text": "", "unknown": 1, "reply_to": "one"}
	want := s.me.CallInvalid("POST", harness.RoomPath(s.room.ID)+"/messages", wrong)
	got := s.me.WithMessagePack().CallInvalid("POST", harness.RoomPath(s.room.ID)+"/messages", wrong)
	got.ExpectProblem(400, models.CodeInvalidRequest)
	wantSameObject(t, got, want, "request_id")
}

// wantSameObject compares two responses field by field, except for the named fields.
func wantSameObject(t *testing.T, got, want *harness.Response, except ...string) {
	t.Helper()
	var g, w map[string]any
	got.Decode(&g)
	want.Decode(&w)
	for _, field := range except {
		delete(g, field)
		delete(w, field)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

// testPackedAccept sends a request in one encoding and accepts the other.
func testPackedAccept(t *testing.T, c *harness.Client) {
	me := c.NewGuest("me")
	body := packedBody(t, map[string]any{"name": "packed"})
	for _, a := range []struct{ accept, want string }{
		{"", "application/json"}, {"*/*", "application/json"}, {"application/*", "application/json"},
		{"application/json, application/msgpack", "application/json"}, {"application/msgpack", harness.MessagePackType},
		{"application/msgpack;q=0.9, */*;q=0.1", harness.MessagePackType},
		{"application/json;q=0.5, application/msgpack", harness.MessagePackType},
	} {
		made := me.Send("POST", "/v1/rooms", body, "Content-Type", harness.MessagePackType, "Accept", a.accept).
			ExpectStatus(201)
		if got := made.Header("Content-Type"); got != a.want {
			t.Errorf("Accept %q: got the media type %s, want %s", a.accept, got, a.want)
		}
		missing := me.Send("GET", "/v1/rooms/999999", nil, "Accept", a.accept).ExpectStatus(404)
		problem := strings.Replace(a.want, "/json", "/problem+json", 1)
		if got := missing.Header("Content-Type"); got != problem {
			t.Errorf("Accept %q: got a problem of the media type %s, want %s", a.accept, got, problem)
		}
	}
	me.WithMessagePack().Call("GET", "/v1/rooms/999999", nil).ExpectProblem(404, models.CodeNotFound)
	me.WithMessagePack().CallInvalid("GET", "/nowhere", nil).ExpectProblem(404, models.CodeNotFound)
}

// testKeyAcrossEncodings repeats a request of JSON in MessagePack.
func testKeyAcrossEncodings(t *testing.T, c *harness.Client) {
	me := c.NewGuest("me")
	key := []string{"Idempotency-Key", "both"}
	var first, second models.Room
	me.Call("POST", "/v1/rooms", map[string]any{"name": "once"}, key...).ExpectStatus(201).Decode(&first)
	again := me.WithMessagePack().Call("POST", "/v1/rooms", map[string]any{"name": "once"}, key...).ExpectStatus(201).
		Decode(&second)
	if again.Header("Idempotency-Replayed") != "true" || second.ID != first.ID {
		t.Errorf("got %v, want the room %d", again, first.ID)
	}
	me.WithMessagePack().Call("POST", "/v1/rooms", map[string]any{"name": "twice"}, key...).
		ExpectProblem(409, models.CodeIdempotencyMismatch)
}

// testPackedNumbers sends the same read mark in each number type of MessagePack.
func testPackedNumbers(t *testing.T, c *harness.Client) {
	s := newRequestFixture(c)
	path := harness.RoomPath(s.room.ID) + "/read"
	for _, n := range []any{
		int8(1), int16(1), int32(1), int64(1), uint8(1), uint16(1), uint32(1), uint64(1), float32(1), float64(1),
	} {
		s.me.Send("PUT", path, packedBody(t, map[string]any{"message_id": n}), "Content-Type", harness.MessagePackType).
			ExpectStatus(200)
	}
	for _, n := range []any{1.5, uint64(math.MaxUint64), 1e300, "1", true, nil, []any{1}, map[string]any{}} {
		s.me.Send("PUT", path, packedBody(t, map[string]any{"message_id": n}), "Content-Type", harness.MessagePackType).
			ExpectInvalid("message_id")
	}
}

// testMalformedPacked sends bodies that are not MessagePack, and valid ones that the API does not allow.
func testMalformedPacked(t *testing.T, c *harness.Client) {
	s := newRequestFixture(c)
	valid := packedBody(t, map[string]any{"text": "hello"})
	deep := append(bytes.Repeat([]byte{0x91}, 900_000), 0xc0)
	for name, body := range map[string][]byte{
		"empty": {}, "truncated": valid[:len(valid)-1], "with trailing bytes": append(bytes.Clone(valid), 0xc0),
		"twice":  append(bytes.Clone(valid), valid...),
		"a list": {0x91, 0x01}, "a number": {0x01}, "nil": {0xc0}, "an unused type": {0xc1}, "an empty list": {0x90},
		"JSON": []byte(`{"text":"hello"}`), "deep": deep, "deep maps": bytes.Repeat([]byte("\x81\xa1a"), 300_000),
		"bytes as a text": packedBody(t, map[string]any{"text": []byte("hello")}), "a number as a key": {0x81, 0x01, 0x01},
		"a nil key": {0x81, 0xc0, 0x01}, "a timestamp": []byte("\x81\xa4text\xd6\xff\x00\x00\x00\x00"),
		"not UTF-8":    []byte("\x81\xa4text\xa2\xc3\x28"),
		"not a number": packedBody(t, map[string]any{"reply_to": math.NaN()}),
		"infinite":     packedBody(t, map[string]any{"reply_to": math.Inf(1)}),
	} {
		t.Run(name, func(*testing.T) {
			s.me.Send("POST", harness.RoomPath(s.room.ID)+"/messages", body, "Content-Type", harness.MessagePackType).
				ExpectProblem(400, models.CodeMalformedBody)
		})
	}
	s.me.Send("POST", harness.RoomPath(s.room.ID)+"/messages", []byte("\x81\xa4text\xa1\x00"), "Content-Type",
		harness.MessagePackType).ExpectInvalid("text")
	s.me.Send("POST", harness.RoomPath(s.room.ID)+"/messages", bytes.Repeat([]byte{0x91}, 2<<20), "Content-Type",
		harness.MessagePackType).
		ExpectProblem(413, models.CodeTooLarge)
}

// testClaimedSizes sends nested short bodies that claim large sizes.
func testClaimedSizes(_ *testing.T, c *harness.Client) {
	s := newRequestFixture(c)
	claims := []string{"\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff\xa1a", "\xdb\xff\xff\xff\xff",
		"\x81\xa4text\xdb\x7f\xff\xff\xff", "\xdc\xff\xff", "\xde\xff\xff\xa1a"}
	for _, claim := range claims {
		for _, times := range []int{1, 30, 100_000} {
			body := []byte(strings.Repeat(claim, times))
			body = body[:min(len(body), models.MaxBodyBytes)]
			s.me.Send("POST", harness.RoomPath(s.room.ID)+"/messages", body, "Content-Type", harness.MessagePackType).
				ExpectProblem(400, models.CodeMalformedBody)
		}
	}
}

// packedBody encodes a value as MessagePack.
func packedBody(t *testing.T, v any) []byte {
	t.Helper()
	b, err := msgpack.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
