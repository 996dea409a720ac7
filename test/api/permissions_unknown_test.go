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

// expectSameAsUnknown sends the attempt again with each path parameter in turn naming an unknown object, and with the
// room under its handle. The response must not reveal whether the object exists, neither to a caller without a token
// nor to one who may not know of it.
func (a attempt) expectSameAsUnknown(op harness.Operation, got *harness.Response) {
	a.by.T.Helper()
	want := visibleParts(got)
	compare := func(other *harness.Response) {
		a.by.T.Helper()
		if parts := visibleParts(other); parts != want {
			a.by.T.Errorf("the response for a hidden object:\n%v\n%s\ndiffers from that for an unknown one:\n%v\n%s",
				got, want, other, parts)
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
	case op.OperationID == "CreateUpload": // this names its room in a header
		unknown := a
		unknown.room.ID = 999999999
		compare(unknown.request(op, "", ""))
	case op.OperationID == "SendToTarget" && a.extra["target"] == nil:
		compare(byHandle.request(op, "", ""))
	case strings.Contains(op.Path, "{room}") && a.room.Handle != "":
		compare(a.request(op, "room", "%23"+a.room.Handle))
		compare(byHandle.request(op, "room", "%23"+byHandle.room.Handle))
	}
}

// visibleParts returns a response as text, without what differs from one request to the next: the request id, the date,
// and the remaining quota.
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
