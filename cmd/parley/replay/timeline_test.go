package replay

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestEventCheckerFindsDifferences passes the events of a room with one fault to a checker.
func TestEventCheckerFindsDifferences(t *testing.T) {
	anna := models.UserRef{ID: 1, Username: "anna", DisplayName: "anna"}
	bert := models.UserRef{ID: 2, Username: "bert", DisplayName: "bert"}
	joined := func(u models.UserRef) models.LogEntry {
		return entry(t, models.EventMemberJoined, models.MemberEvent{RoomID: 7, User: u, Role: models.RoleMember})
	}
	left := entry(t, models.EventMemberLeft, models.MemberEvent{RoomID: 7, User: anna})
	message := func(id int64, u models.UserRef, text, clientID string) models.LogEntry {
		return entry(t, models.EventMessageCreated, models.Message{
			RoomID: 7, ID: id, Sender: u, Text: text, ClientID: clientID, Type: models.MessageText, CreatedAt: models.Now(),
		})
	}
	notified := func(e models.LogEntry) models.LogEntry {
		e.Name = models.EventMessageNotification
		return e
	}
	one, two := message(1, anna, "one", "c1"), message(2, anna, "two", "c2")
	otherRoom := entry(t, models.EventMessageCreated, models.Message{
		RoomID: 8, ID: 99, Sender: bert, Text: "x", CreatedAt: models.Now(),
	})
	invalid := models.LogEntry{Name: models.EventMessageCreated, Data: []byte("{")}

	for name, c := range map[string]struct {
		events []models.LogEntry
		want   string // in the only difference; "" for none
	}{
		"nothing":         {[]models.LogEntry{joined(anna), one, two, left}, ""},
		"another room":    {[]models.LogEntry{joined(anna), otherRoom, one, otherRoom, two, left}, ""},
		"lost":            {[]models.LogEntry{joined(anna), two, left}, "message 2 of anna, want message 1"},
		"lost at the end": {[]models.LogEntry{joined(anna), one}, "2 events are missing, the first is message 2"},
		"no events":       {nil, "4 events are missing"},
		"twice": {
			[]models.LogEntry{joined(anna), one, one, two, left}, "message 1 of anna, want message 2",
		},
		"twice at the end":         {[]models.LogEntry{joined(anna), one, two, left, left}, "after the last expected event"},
		"out of order":             {[]models.LogEntry{one, joined(anna), two, left}, "is another event"},
		"left before the last":     {[]models.LogEntry{joined(anna), one, left, two}, "is another event"},
		"another user joined":      {[]models.LogEntry{joined(bert), one, two, left}, "member.joined bert"},
		"another sender":           {[]models.LogEntry{joined(anna), message(1, bert, "one", "c1")}, "has the sender"},
		"another text":             {[]models.LogEntry{joined(anna), message(1, anna, "on", "c1")}, `has the text "on"`},
		"another client_id":        {[]models.LogEntry{joined(anna), message(1, anna, "one", "")}, "has the client_id"},
		"an unwanted notification": {[]models.LogEntry{joined(anna), notified(one)}, "as a notification"},
		"no JSON":                  {[]models.LogEntry{invalid, joined(anna), one, two, left}, "invalid message.created"},
	} {
		t.Run(name, func(t *testing.T) {
			room := &room{id: 7, log: &replayLog{name: "2020-01-01"}}
			room.timeline.add(replayEvent{name: models.EventMemberJoined, user: &anna})
			room.timeline.add(replayEvent{name: models.EventMessageCreated, user: &anna, text: "one", clientID: "c1"})
			room.timeline.add(replayEvent{name: models.EventMessageCreated, user: &anna, text: "two", clientID: "c2"})
			room.timeline.add(replayEvent{name: models.EventMemberLeft, user: &anna})
			report := &report{}
			checker := newEventChecker("checker", report)
			checker.enter(room, 0)
			for _, e := range c.events {
				checker.check(e.Name, e.Data, map[int64]bool{7: true})
			}
			checker.finish()
			var printed strings.Builder
			report.write(&printed)
			switch {
			case c.want == "" && report.differences() > 0:
				t.Errorf("got differences: %s", printed.String())
			case c.want != "" && (report.differences() != 1 || !strings.Contains(printed.String(), c.want)):
				t.Errorf("got %s, want only %q", printed.String(), c.want)
			}
		})
	}
}

func entry(t *testing.T, name models.EventName, data any) models.LogEntry {
	t.Helper()
	b, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return models.LogEntry{Name: name, Data: b}
}

func TestReplayReportIsBounded(t *testing.T) {
	var r report
	for i := range mostDifferences + 3 {
		r.differ("difference %d", i)
	}
	var printed strings.Builder
	r.write(&printed)
	lines := strings.Split(strings.TrimSpace(printed.String()), "\n")
	if len(lines) != mostDifferences+1 || lines[mostDifferences] != "and 3 more" {
		t.Errorf("got %d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}
