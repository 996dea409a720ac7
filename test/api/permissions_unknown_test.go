package api

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// sameAsUnknown makes the attempt again with each part of its path in turn naming nothing, and with the room under its
// handle: whether there is such a thing must not be told by the answer, neither to one without a token nor to one who may
// not know of it.
func (a attempt) sameAsUnknown(op harness.Operation, got *harness.Response) {
	a.by.T.Helper()
	want := visibleParts(got)
	compare := func(other *harness.Response) {
		a.by.T.Helper()
		if tells := visibleParts(other); tells != want {
			a.by.T.Errorf("what is hidden:\n%v\n%s\nis told from what there is not:\n%v\n%s", got, want, other, tells)
		}
	}
	for _, p := range op.Parameters {
		switch {
		case p.Value.In != "path":
		case slices.Contains([]string{"room", "user", "message"}, p.Value.Name):
			compare(a.request(op, p.Value.Name, "999999999"))
		case p.Value.Name != "emoji":
			compare(a.request(op, p.Value.Name, rand.Text()))
		}
	}
	byHandle := a
	byHandle.room.Handle = harness.UniqueName("unknown")
	switch {
	case op.OperationID == "CreateUpload": // which names its room in a header
		unknown := a
		unknown.room.ID = 999999999
		compare(unknown.request(op, "", ""))
	case op.OperationID == "SendToTarget" && a.also["target"] == nil:
		compare(byHandle.request(op, "", ""))
	case strings.Contains(op.Path, "{room}") && a.room.Handle != "":
		compare(a.request(op, "room", "%23"+a.room.Handle))
		compare(byHandle.request(op, "room", "%23"+byHandle.room.Handle))
	}
}

// visibleParts is all that an answer tells but for what differs from one request to the next: its id, the time, and how many more
// may be made.
func visibleParts(a *harness.Response) string {
	a.T.Helper()
	headers := a.HTTP.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Ratelimit"} {
		delete(headers, name)
	}
	lines := []string{a.HTTP.Status}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		lines = append(lines, fmt.Sprint(name, ": ", headers[name]))
	}
	if len(a.Body) > 0 {
		var p models.Problem
		a.Decode(&p)
		lines = append(lines, a.Without("request_id"))
	}
	return strings.Join(lines, "\n")
}
