package api

import (
	"fmt"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestConditions(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "the tag follows the object", Run: testTags},
		{Name: "one of many changes wins", Run: testConcurrentConditions},
		{Name: "deletions", Run: testConditionalDeletions},
		{Name: "what If-Match may be", Run: testIfMatchSyntax},
	})
}

// tagOf reads an object, and returns its ETag.
func tagOf(c *harness.Client, path string) string {
	c.T.Helper()
	tag := c.Call("GET", path, nil).ExpectStatus(200).Header("ETag")
	if len(tag) < 3 || tag[0] != '"' {
		c.T.Fatalf("%s has the ETag %q, want a strong one", path, tag)
	}
	return tag
}

// conditional is an object with a change of it, and what happens around it that is no change.
type conditional struct {
	path   string
	change func(n int) any
	around func()
}

// conditionals are one of each kind, which me may change.
func conditionals(me, other *harness.Client) map[string]conditional {
	room := me.CreatePublicRoom(other)
	m := me.SendText(room.ID, "words")
	return map[string]conditional{
		"room": {harness.RoomPath(room.ID), func(n int) any {
			return map[string]any{"description": fmt.Sprint("number ", n)}
		}, func() {
			other.SendText(room.ID, "more")
			other.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
			me.Call("PATCH", harness.RoomPath(room.ID)+"/members/me", map[string]any{"muted": true}).ExpectStatus(200)
			other.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(200)
		}},
		"message": {harness.MessagePath(m), func(n int) any {
			return models.MessageEdit{Text: fmt.Sprint("number ", n)}
		}, func() {
			other.Call("PUT", reactionPath(m, "👍"), nil).ExpectStatus(200)
			me.Call("PUT", pinPath(m), nil).ExpectStatus(200)
			me.SendText(room.ID, "an answer")
		}},
		"me": {"/v1/users/me", func(n int) any {
			return map[string]any{"display_name": fmt.Sprint("Number ", n)}
		}, func() {
			me.OpenStream("")
			me.CreatePublicRoom()
		}},
	}
}

// testTags checks that an ETag changes with each change of the object, with nothing else, and is the same for all.
func testTags(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("me"), c.NewGuest("other")
	for name, o := range conditionals(me, other) {
		first := tagOf(me, o.path)
		o.around()
		if got := tagOf(me, o.path); got != first {
			t.Errorf("%s: without a change the tag went from %s to %s", name, first, got)
		}
		seen := map[string]bool{first: true}
		for n := range 20 {
			a := me.Call("PATCH", o.path, o.change(n), "If-Match", tagOf(me, o.path)).ExpectStatus(200)
			tag := a.Header("ETag")
			if seen[tag] || tag != tagOf(me, o.path) {
				t.Errorf("%s: after change %d the tag is %q, and %q when read", name, n, tag, tagOf(me, o.path))
			}
			seen[tag] = true
		}
		current := tagOf(me, o.path)
		me.Call("PATCH", o.path, o.change(100), "If-Match", first).ExpectProblem(412, models.CodePreconditionFailed)
		if got := tagOf(me, o.path); got != current {
			t.Errorf("%s: a refused change has changed it", name)
		}
		seenByOther := o.path
		if name == "me" {
			seenByOther = fmt.Sprintf("/v1/users/%d", me.User.ID)
		}
		if got := tagOf(other, seenByOther); got != current {
			t.Errorf("%s: another reader gets the tag %s, not %s", name, got, current)
		}
		if got := me.WithMessagePack().Call("GET", o.path, nil).Header("ETag"); got != current {
			t.Errorf("%s: in MessagePack the tag is %s, not %s", name, got, current)
		}
		me.Call("GET", o.path, nil, "If-None-Match", current).ExpectStatus(200)
	}
}

// testConcurrentConditions sends changes with one tag at once: exactly one takes place.
func testConcurrentConditions(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("me"), c.NewGuest("other")
	for name, o := range conditionals(me, other) {
		for round := range 5 {
			tag := tagOf(me, o.path)
			const rivals = 8
			results := make([]*harness.Response, rivals)
			var group sync.WaitGroup
			for i := range rivals {
				group.Go(func() {
					results[i] = me.Send("PATCH", o.path, o.change(1000*(round+1)+i), "If-Match", tag)
				})
			}
			group.Wait()
			won := ""
			for _, a := range results {
				a.CheckContract(true)
				if a.HTTP.StatusCode == 412 {
					a.ExpectProblem(412, models.CodePreconditionFailed)
					continue
				}
				a.ExpectStatus(200)
				if won != "" {
					t.Fatalf("%s: two changes with the tag %s took place", name, tag)
				}
				won = a.Header("ETag")
			}
			if got := tagOf(me, o.path); won == "" || got != won {
				t.Fatalf("%s: the change that took place has the tag %q, and the object %q", name, won, got)
			}
		}
	}
}

func testConditionalDeletions(t *testing.T, c *harness.Client) {
	me, other := c.NewAccount("me"), c.NewGuest("other")
	objects := conditionals(me, other)
	for _, name := range []string{"message", "room", "me"} { // in this order, since one has the other
		o := objects[name]
		stale := tagOf(me, o.path)
		me.Call("PATCH", o.path, o.change(1)).ExpectStatus(200)
		me.Call("DELETE", o.path, nil, "If-Match", stale).ExpectProblem(412, models.CodePreconditionFailed)
		current := tagOf(me, o.path)
		me.Call("DELETE", o.path, nil, "If-Match", stale+", "+current).ExpectStatus(204)
		if name != "me" { // whose token has ended
			me.Call("DELETE", o.path, nil, "If-Match", current).ExpectStatus(204) // it is done already
		}
	}
	me.Call("GET", "/v1/users/me", nil).ExpectStatus(401)
	m := other.SendText(other.CreatePublicRoom().ID, "words")
	edited := tagOf(other, harness.MessagePath(m))
	other.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204)
	if got := tagOf(other, harness.MessagePath(m)); got == edited {
		t.Error("a tombstone has the tag of the message")
	}
}

func testIfMatchSyntax(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("me"), c.NewGuest("other")
	for name, o := range conditionals(me, other) {
		tag := tagOf(me, o.path)
		for _, bad := range []string{
			"x", "'x'", `"x`, `x"`, `"a" "b"`, `"a",,x`, "", "**", `*, "a"`, `w/"a"`, `W/a`, `"a b"`, ",",
		} {
			me.CallInvalid("PATCH", o.path, o.change(1), "If-Match", bad).ExpectInvalid("If-Match")
		}
		for _, unlike := range []string{`"x"`, "W/" + tag, `"", "y"`, `W/"x",W/"y"`} {
			me.Call("PATCH", o.path, o.change(1), "If-Match", unlike).ExpectProblem(412, models.CodePreconditionFailed)
		}
		if got := tagOf(me, o.path); got != tag {
			t.Errorf("%s: a refused change has changed it", name)
		}
		me.Call("PATCH", o.path, o.change(2), "If-Match", `"x" , `+tag+`,W/"y"`).ExpectStatus(200)
		me.Call("PATCH", o.path, o.change(3), "If-Match", "*").ExpectStatus(200)
		me.CallInvalid("PATCH", o.path, map[string]any{"nonsense": 1}, "If-Match", `"x"`).ExpectInvalid("nonsense")
	}
}
