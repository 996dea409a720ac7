package api

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestNullInEveryBody sends null for each field of each body, in JSON and in MessagePack. It is the same as leaving the
// field out; in a patch it clears the field, or the problem names it.
func TestNullInEveryBody(t *testing.T) {
	takesJSON := func(op harness.Operation) bool { return op.TakesJSON() }
	eachOperation(t, takesJSON, func(t *testing.T, c *harness.Client, op harness.Operation) {
		s := newRequestFixture(c)
		s.unattached = models.File{} // the first message would have it
		by := s.me
		if !op.NeedsToken() {
			by = c
		}
		for _, client := range []*harness.Client{by, by.WithMessagePack()} {
			for _, name := range slices.Sorted(maps.Keys(s.body(op))) {
				body := s.body(op)
				body[name] = nil
				null := client.Send(op.Method, s.path(op), body, s.headers(op)...)
				delete(body, name)
				absent := client.Send(op.Method, s.path(op), body, s.headers(op)...)
				switch refused := null.HTTP.StatusCode == 400; {
				case null.HTTP.StatusCode >= 500:
					t.Errorf("%s is null: %v", name, null)
				case op.Method == "PATCH" && refused:
					null.ExpectInvalid(name)
				case op.Method != "PATCH" && refused != (absent.HTTP.StatusCode == 400):
					t.Errorf("%s is null: %v\nand absent: %v", name, null, absent)
				case op.Method != "PATCH" && refused && !sameErrors(null, absent):
					t.Errorf("%s is null: %v\nand absent: %v", name, null, absent)
				}
			}
		}
	})
}

// sameErrors reports whether two problems are about the same fields.
func sameErrors(a, b *harness.Response) bool {
	var of, than models.Problem
	a.Decode(&of)
	b.Decode(&than)
	return reflect.DeepEqual(of.Errors, than.Errors)
}

func TestMergePatches(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "null clears", Run: testNullClears},
		{Name: "media types", Run: testPatchTypes},
		{Name: "compressed bodies", Run: testCompressedBodies},
	})
}

func testNullClears(t *testing.T, c *harness.Client) {
	for _, me := range []*harness.Client{c.NewGuest("ada"), c.NewGuest("grace").WithMessagePack()} {
		room := me.CreateRoom(models.NewRoom{Handle: harness.Ptr(harness.UniqueName("tea")), Name: harness.Ptr("Tea"),
			Description: harness.Ptr("Leaves")})
		path := harness.RoomPath(room.ID)
		patch := func(path string, body map[string]any) *harness.Response {
			t.Helper()
			return me.CallInvalid("PATCH", path, body) // no schema has null: generators would make it a type of its own
		}
		var changed models.Room
		patch(path, map[string]any{"description": nil, "handle": nil}).ExpectStatus(200).Decode(&changed)
		got := me.GetRoom(room.ID)
		if got.Description != "" || got.Handle != "" || got.Name != "Tea" || changed.Handle != "" {
			t.Errorf("a cleared description and handle: %+v", got)
		}
		patch(path, map[string]any{"name": nil}).ExpectInvalid("name")
		patch(path+"/members/me", map[string]any{"muted": true}).ExpectStatus(200)
		var membership models.Membership
		patch(path+"/members/me", map[string]any{"muted": nil}).ExpectStatus(200).Decode(&membership)
		if membership.Muted {
			t.Error("muted was not cleared")
		}
		var user models.User
		patch("/v1/users/me", map[string]any{"description": "words"}).ExpectStatus(200)
		patch("/v1/users/me", map[string]any{"description": nil}).ExpectStatus(200).Decode(&user)
		if user.Description != "" || user.DisplayName == "" {
			t.Errorf("a cleared description: %+v", user)
		}
		patch("/v1/users/me", map[string]any{"display_name": nil}).ExpectInvalid("display_name")
		m := me.SendText(room.ID, "words")
		patch(harness.MessagePath(m), map[string]any{"text": nil}).ExpectInvalid("text")
	}
}

func testPatchTypes(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	path := harness.RoomPath(room.ID)
	for _, mediaType := range []string{"application/merge-patch+json", "application/merge-patch+json; charset=utf-8"} {
		me.Send("PATCH", path, models.RoomChange{Description: &mediaType}, "Content-Type", mediaType).ExpectStatus(200)
		if got := me.GetRoom(room.ID).Description; got != mediaType {
			t.Errorf("got the description %q", got)
		}
	}
	me.Send("POST", path+"/messages", models.NewMessage{Text: "x"}, "Content-Type", "application/merge-patch+json").
		ExpectProblem(415, models.CodeUnsupportedMediaType)
	const types = "application/merge-patch+json, application/json, application/msgpack"
	a := me.CallInvalid("PATCH", path, []byte("[]"), "Content-Type", "application/json-patch+json")
	a.ExpectProblem(415, models.CodeUnsupportedMediaType)
	if got := a.Header("Accept-Patch"); got != types {
		t.Errorf("%v\nhas Accept-Patch %q", a, got)
	}
	for path, want := range map[string]string{
		path: types, "/v1/users/me": types, path + "/messages": "", "/v1/rooms": "",
	} {
		if got := c.Send("OPTIONS", path, nil).ExpectStatus(204).Header("Accept-Patch"); got != want {
			t.Errorf("OPTIONS %s: got Accept-Patch %q, want %q", path, got, want)
		}
	}
}

func testCompressedBodies(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	path := harness.RoomPath(me.CreatePublicRoom().ID)
	for _, coding := range []string{"gzip", "br", "identity, gzip"} {
		for _, a := range []*harness.Response{
			me.CallInvalid("POST", path+"/messages", models.NewMessage{Text: "x"}, "Content-Encoding", coding),
			me.CallInvalid("POST", path+"/files?name=x", []byte("x"), "Content-Encoding", coding,
				"Content-Type", "text/plain"),
		} {
			a.ExpectProblem(415, models.CodeUnsupportedMediaType)
			if a.Header("Accept-Encoding") != "identity" {
				t.Errorf("%v\nhas Accept-Encoding %q", a, a.Header("Accept-Encoding"))
			}
		}
	}
	me.CallInvalid("POST", path+"/messages", models.NewMessage{Text: "x"}, "Content-Encoding", "identity",
		"Content-Encoding", "gzip").ExpectProblem(415, models.CodeUnsupportedMediaType)
	me.Call("POST", path+"/messages", models.NewMessage{Text: "x"}, "Content-Encoding", "Identity").ExpectStatus(201)
}
