package main

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/parley-chat/parley/models"
)

// sameAsUnknown makes the attempt again with each part of its path in turn naming nothing, and with the room under its
// handle: whether there is such a thing must not be told by the answer, neither to one without a token nor to one who may
// not know of it.
func (a attempt) sameAsUnknown(op operation, got *answer) {
	a.by.t.Helper()
	want := got.tells()
	compare := func(other *answer) {
		a.by.t.Helper()
		if tells := other.tells(); tells != want {
			a.by.t.Errorf("what is hidden:\n%v\n%s\nis told from what there is not:\n%v\n%s", got, want, other, tells)
		}
	}
	for _, p := range op.parameters {
		switch {
		case p.Value.In != "path":
		case slices.Contains([]string{"room", "user", "message"}, p.Value.Name):
			compare(a.request(op, p.Value.Name, "999999999"))
		case p.Value.Name != "emoji":
			compare(a.request(op, p.Value.Name, rand.Text()))
		}
	}
	byHandle := a
	byHandle.room.Handle = unique("unknown")
	switch {
	case op.OperationID == "CreateUpload": // which names its room in a header
		unknown := a
		unknown.room.ID = 999999999
		compare(unknown.request(op, "", ""))
	case op.OperationID == "SendToTarget" && a.also["target"] == nil:
		compare(byHandle.request(op, "", ""))
	case strings.Contains(op.path, "{room}") && a.room.Handle != "":
		compare(a.request(op, "room", "%23"+a.room.Handle))
		compare(byHandle.request(op, "room", "%23"+byHandle.room.Handle))
	}
}

// tells is all that an answer tells but for what differs from one request to the next: its id, the time, and how many more
// may be made.
func (a *answer) tells() string {
	a.t.Helper()
	headers := a.response.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Ratelimit"} {
		delete(headers, name)
	}
	lines := []string{a.response.Status}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		lines = append(lines, fmt.Sprint(name, ": ", headers[name]))
	}
	if len(a.body) > 0 {
		var p models.Problem
		a.into(&p)
		lines = append(lines, a.without("request_id"))
	}
	return strings.Join(lines, "\n")
}
