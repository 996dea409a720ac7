package main

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/parley-chat/parley/models"
)

func TestMessagePack(t *testing.T) {
	long(t)
	play(t, []scenario{
		{"each operation takes it and answers it", testEachPacked},
		{"the same answer in both", testSameInBoth},
		{"Accept decides, not Content-Type", testPackedAccept},
		{"a key is good in both", testKeyAcrossEncodings},
		{"numbers, however they are written", testPackedNumbers},
		{"what is not one map", testMalformedPacked},
		{"sizes that are only claimed", testClaimedSizes},
	})
}

// testEachPacked makes the valid request of each operation in MessagePack: its status is that of the same in JSON.
func testEachPacked(t *testing.T, c *client) {
	for _, op := range operations() {
		if op.OperationID == "Metrics" { // Prometheus has a text of its own
			continue
		}
		inJSON, inMsgpack := newStage(c), newStage(c.packed())
		byJSON, byMsgpack := inJSON.me, inMsgpack.me
		switch {
		case !op.needsToken():
			byJSON, byMsgpack = c, c.packed()
		case op.OperationID == "ChangePassword":
			byJSON, byMsgpack = c.account("me"), c.packed().account("me")
		}
		want := inJSON.request(op, byJSON)
		a := inMsgpack.request(op, byMsgpack)
		a.check(true)
		if a.response.StatusCode != want.response.StatusCode {
			t.Errorf("%v\nwhere JSON has %d", a, want.response.StatusCode)
		}
	}
}

// testSameInBoth reads one thing of each shape in both encodings, and a problem with its errors.
func testSameInBoth(t *testing.T, c *client) {
	s := newStage(c)
	s.me.call("PUT", messagePath(s.message)+"/reactions/👍", nil).status(200)
	for _, path := range []string{
		"/v1/users/me", "/v1/rooms", roomPath(s.room.ID), roomPath(s.room.ID) + "/members", roomPath(s.room.ID) + "/messages",
		messagePath(s.message), roomPath(s.room.ID) + "/invites", "/v1/sessions", "/v1/events?limit=100",
	} {
		want := s.me.call("GET", path, nil, "Accept", "application/json").status(200)
		got := s.me.packed().call("GET", path, nil, "Accept", "application/json").status(200)
		wantSameObject(t, got, want)
	}
	wrong := map[string]any{"text": "", "unknown": 1, "reply_to": "one"}
	want := s.me.wrong("POST", roomPath(s.room.ID)+"/messages", wrong)
	got := s.me.packed().wrong("POST", roomPath(s.room.ID)+"/messages", wrong)
	got.problem(400, models.CodeInvalidRequest)
	wantSameObject(t, got, want, "request_id")
}

func wantSameObject(t *testing.T, got, want *answer, except ...string) {
	t.Helper()
	var g, w map[string]any
	got.into(&g)
	want.into(&w)
	for _, field := range except {
		delete(g, field)
		delete(w, field)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("%v\ndiffers from\n%v", got, want)
	}
}

// testPackedAccept sends in one encoding and asks for the other.
func testPackedAccept(t *testing.T, c *client) {
	me := c.newcomer("me")
	body := packedBody(t, map[string]any{"name": "packed"})
	for _, a := range []struct{ accept, want string }{
		{"", "application/json"}, {"*/*", "application/json"}, {"application/*", "application/json"},
		{"application/json, application/msgpack", "application/json"}, {"application/msgpack", msgpackType},
		{"application/msgpack;q=0.9, */*;q=0.1", msgpackType}, {"application/json;q=0.5, application/msgpack", msgpackType},
	} {
		made := me.send("POST", "/v1/rooms", body, "Content-Type", msgpackType, "Accept", a.accept).status(201)
		if got := made.header("Content-Type"); got != a.want {
			t.Errorf("Accept %q is answered %s, wanted %s", a.accept, got, a.want)
		}
		missing := me.send("GET", "/v1/rooms/999999", nil, "Accept", a.accept).status(404)
		problem := strings.Replace(a.want, "/json", "/problem+json", 1)
		if got := missing.header("Content-Type"); got != problem {
			t.Errorf("Accept %q is told of a problem as %s, wanted %s", a.accept, got, problem)
		}
	}
	me.packed().call("GET", "/v1/rooms/999999", nil).problem(404, models.CodeNotFound)
	me.packed().wrong("GET", "/nowhere", nil).problem(404, models.CodeNotFound)
}

// testKeyAcrossEncodings repeats in MessagePack what was sent in JSON.
func testKeyAcrossEncodings(t *testing.T, c *client) {
	me := c.newcomer("me")
	key := []string{"Idempotency-Key", "both"}
	var first, second models.Room
	me.call("POST", "/v1/rooms", map[string]any{"name": "once"}, key...).status(201).into(&first)
	again := me.packed().call("POST", "/v1/rooms", map[string]any{"name": "once"}, key...).status(201).into(&second)
	if again.header("Idempotency-Replayed") != "true" || second.ID != first.ID {
		t.Errorf("%v\nis not the room %d", again, first.ID)
	}
	me.packed().call("POST", "/v1/rooms", map[string]any{"name": "twice"}, key...).problem(409, models.CodeIdempotencyMismatch)
}

// testPackedNumbers sends the same read mark in each of MessagePack's types of number.
func testPackedNumbers(t *testing.T, c *client) {
	s := newStage(c)
	path := roomPath(s.room.ID) + "/read"
	for _, n := range []any{int8(1), int16(1), int32(1), int64(1), uint8(1), uint16(1), uint32(1), uint64(1), float32(1), float64(1)} {
		s.me.send("PUT", path, packedBody(t, map[string]any{"message_id": n}), "Content-Type", msgpackType).status(200)
	}
	for _, n := range []any{1.5, uint64(math.MaxUint64), 1e300, "1", true, nil, []any{1}, map[string]any{}} {
		s.me.send("PUT", path, packedBody(t, map[string]any{"message_id": n}), "Content-Type", msgpackType).invalid("message_id")
	}
}

// testMalformedPacked sends what MessagePack cannot be, and what it can be and the API has no place for.
func testMalformedPacked(t *testing.T, c *client) {
	s := newStage(c)
	valid := packedBody(t, map[string]any{"text": "hello"})
	deep := append(bytes.Repeat([]byte{0x91}, 900_000), 0xc0)
	for name, body := range map[string][]byte{
		"nothing": {}, "cut": valid[:len(valid)-1], "with a tail": append(bytes.Clone(valid), 0xc0), "twice": append(bytes.Clone(valid), valid...),
		"a list": {0x91, 0x01}, "a number": {0x01}, "nil": {0xc0}, "no type": {0xc1}, "an empty list": {0x90},
		"JSON": []byte(`{"text":"hello"}`), "deep": deep, "deep maps": bytes.Repeat([]byte("\x81\xa1a"), 300_000),
		"a text of bytes": packedBody(t, map[string]any{"text": []byte("hello")}), "keys of numbers": {0x81, 0x01, 0x01},
		"a nil key": {0x81, 0xc0, 0x01}, "a timestamp": []byte("\x81\xa4text\xd6\xff\x00\x00\x00\x00"), "not UTF-8": []byte("\x81\xa4text\xa2\xc3\x28"),
		"not a number": packedBody(t, map[string]any{"reply_to": math.NaN()}), "infinite": packedBody(t, map[string]any{"reply_to": math.Inf(1)}),
	} {
		t.Run(name, func(*testing.T) {
			s.me.send("POST", roomPath(s.room.ID)+"/messages", body, "Content-Type", msgpackType).problem(400, models.CodeMalformedBody)
		})
	}
	s.me.send("POST", roomPath(s.room.ID)+"/messages", []byte("\x81\xa4text\xa1\x00"), "Content-Type", msgpackType).invalid("text")
	s.me.send("POST", roomPath(s.room.ID)+"/messages", bytes.Repeat([]byte{0x91}, 2<<20), "Content-Type", msgpackType).
		problem(413, models.CodeTooLarge)
}

// testClaimedSizes sends few bytes that claim much, each within the other.
func testClaimedSizes(_ *testing.T, c *client) {
	s := newStage(c)
	claims := []string{"\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff\xa1a", "\xdb\xff\xff\xff\xff", "\x81\xa4text\xdb\x7f\xff\xff\xff", "\xdc\xff\xff", "\xde\xff\xff\xa1a"}
	for _, claim := range claims {
		for _, times := range []int{1, 30, 100_000} {
			body := []byte(strings.Repeat(claim, times))
			body = body[:min(len(body), models.MaxBodyBytes)]
			s.me.send("POST", roomPath(s.room.ID)+"/messages", body, "Content-Type", msgpackType).problem(400, models.CodeMalformedBody)
		}
	}
}

func packedBody(t *testing.T, v any) []byte {
	t.Helper()
	b, err := msgpack.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
