package api

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// deletedMark is in every text that is later deleted, cleared or replaced by an edit.
const deletedMark = "vanished"

// TestReplayShowsCurrentMessages checks that a resumed stream and a poll return messages as they are now. Neither
// returns a deleted text: not from the window of the node that wrote it, not from another node, and not after a
// restart.
func TestReplayShowsCurrentMessages(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		flags := []string{"--lobby", "none"}
		s := harness.StartServer(t, database, flags...)
		f := newReplayFixture(harness.NewClient(t, s.URL))
		f.expectOnEachTransport(t, "on the same node")
		if strings.HasPrefix(database, "postgres") {
			other := harness.StartServer(t, database, flags...) // knows all this from the log alone
			f.reader = f.reader.AtServer(other.URL)
			f.expectOnEachTransport(t, "on another node")
			f.change(t)
			f.expectOnEachTransport(t, "on another node, after a change")
			f.reader = f.reader.AtServer(s.URL)
		} else {
			f.change(t)
		}
		f.expectOnEachTransport(t, "on the same node, after a change")
		s.Stop()
		s = harness.StartServer(t, database, flags...)
		f.reader = f.reader.AtServer(s.URL)
		f.expectOnEachTransport(t, "after a restart")
		// Cleared messages are purged in batches, which may continue after the restart.
		harness.Eventually(t, "no table has a deleted text", func() bool {
			return len(tablesContaining(t, database, deletedMark+" text")) == 0
		})
	})
}

// replayFixture has what a reader replays, and what it should get.
type replayFixture struct {
	reader *harness.Client
	start  string // the cursor before all events
	room   models.Room
	mark   models.Message // the last message of the room
	want   []string       // the room's events in order, each as addSummary describes it
}

// newReplayFixture writes, edits, deletes and clears messages in all ways.
func newReplayFixture(c *harness.Client) *replayFixture {
	owner, reader := c.NewGuest("ada"), c.NewGuest("grace")
	leaver := c.NewGuestNamed(harness.UniqueName(deletedMark))
	room, cleared := owner.CreatePublicRoom(reader, leaver), owner.CreatePublicRoom(reader)
	deleted := owner.CreateRoom(models.NewRoom{
		Name: harness.Ptr(deletedMark + " room"), Description: harness.Ptr(deletedMark + " words"),
	})
	owner.AddMember(deleted.ID, reader, models.RoleMember)
	f := &replayFixture{reader: reader, start: eventCursor(reader), room: room}

	kept := owner.SendText(room.ID, "kept")
	edited := owner.SendText(room.ID, deletedMark+" text, the first")
	owner.Call("PATCH", harness.MessagePath(edited), models.MessageEdit{Text: "edited"}).ExpectStatus(200)
	owner.Call("PUT", reactionPath(kept, "👍"), nil).ExpectStatus(200)
	removed := owner.SendText(room.ID, deletedMark+" text")
	owner.Call("PATCH", harness.MessagePath(removed), models.MessageEdit{Text: deletedMark + " text once more"}).
		ExpectStatus(200)
	owner.Call("PUT", reactionPath(removed, "👍"), nil).ExpectStatus(200)
	file := owner.UploadFile(room.ID, deletedMark+" text.txt", "text/plain", []byte("text"))
	var shown models.Message
	owner.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{FileIDs: []string{file.ID}},
		harness.IdempotencyKey, harness.UniqueName("key")).
		ExpectStatus(201).Decode(&shown)
	leaver.SendText(room.ID, deletedMark+" text")
	owner.SendText(cleared.ID, deletedMark+" text")
	owner.SendText(deleted.ID, deletedMark+" text")

	owner.Call("DELETE", harness.MessagePath(removed), nil).ExpectStatus(204)
	owner.Call("DELETE", harness.MessagePath(shown), nil).ExpectStatus(204)
	owner.Call("DELETE", harness.RoomPath(cleared.ID)+"/messages", nil).ExpectStatus(204)
	owner.Call("DELETE", harness.RoomPath(deleted.ID), nil).ExpectStatus(204)
	leaver.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	harness.Eventually(c.T, "the log has the deletion of the last message", func() bool {
		items, _ := reader.PollEvents("limit=200&after=" + f.start)
		return slices.ContainsFunc(items, func(e models.Event) bool {
			return e.Name == models.EventMessageDeleted && strings.Contains(string(e.Data), `"message_id":5`)
		})
	})
	f.mark = owner.SendText(room.ID, "the mark")
	f.want = []string{
		"message.created 1 kept", "message.created 2 edited", "message.edited 2 edited", "reaction.added 1 =1",
		"message.created 3 deleted", "message.edited 3 deleted", "reaction.added 3 =1", "message.created 4 deleted",
		"message.deleted 3", "message.deleted 4", "member.left", "message.deleted 5", "message.created 6 the mark",
	}
	return f
}

// change deletes a message that the windows of the nodes have with its text.
func (r *replayFixture) change(t *testing.T) {
	t.Helper()
	owner := r.reader
	m := owner.SendText(r.room.ID, deletedMark+" text, recent")
	stream := owner.OpenStream("last_event_id=" + r.start)
	for found := false; !found; {
		found = strings.Contains(stream.Next().Data, "recent")
	}
	owner.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204)
	r.mark = owner.SendText(r.room.ID, "the end")
	r.want = append(r.want, "message.created 7 deleted", "message.deleted 7", "message.created 8 the end")
	stream.Cancel()
}

// expectOnEachTransport checks what the reader gets from a stream in the room, from a stream that is not in it, and by
// polling.
func (r *replayFixture) expectOnEachTransport(t *testing.T, where string) {
	t.Helper()
	items, _ := r.reader.PollEvents("limit=200&after=" + r.start)
	var polled []string
	for _, e := range items {
		polled = r.addSummary(t, polled, harness.Event{ID: e.ID, Name: string(e.Name), Data: string(e.Data)})
	}
	r.expectEvents(t, where+", polled", polled)
	for _, query := range []string{fmt.Sprintf("room=%d&", r.room.ID), ""} {
		s := r.reader.OpenStream(query + "last_event_id=" + r.start)
		var streamed []string
		for {
			e := s.Next()
			streamed = r.addSummary(t, streamed, e)
			var m models.Message
			if strings.HasPrefix(e.Name, "message.") && e.Decode(&m) == nil && m.RoomID == r.room.ID && m.ID == r.mark.ID {
				break
			}
		}
		s.Cancel()
		r.expectEvents(t, where+", streamed "+query, streamed)
	}
}

// expectEvents compares the events that the reader got with those it should get.
func (r *replayFixture) expectEvents(t *testing.T, what string, got []string) {
	t.Helper()
	if !slices.Equal(got, r.want) {
		t.Errorf("%s: got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(r.want, "\n"))
	}
}

// addSummary adds a short description of an event if it is of the room. No event may have a deleted text.
func (r *replayFixture) addSummary(t *testing.T, lines []string, e harness.Event) []string {
	t.Helper()
	if strings.Contains(e.Data, deletedMark) {
		t.Errorf("an event has a deleted text: %+v", e)
	}
	var m struct {
		models.Message
		MessageID int64  `json:"message_id"`
		Emoji     string `json:"emoji"`
		Count     int64  `json:"count"`
	}
	if err := json.Unmarshal([]byte(e.Data), &m); err != nil {
		t.Error(err)
	}
	if m.RoomID != r.room.ID || e.ID == "" {
		return lines
	}
	line := strings.Replace(e.Name, "message.notification", "message.created", 1)
	if id := max(m.ID, m.MessageID); id != 0 {
		line += fmt.Sprint(" ", id)
	}
	if m.Text != "" {
		line += " " + m.Text
	}
	if m.Emoji != "" {
		line += fmt.Sprint(" =", m.Count)
	}
	for _, reaction := range m.Reactions { // a message from the window may have none
		if reaction.Me != nil || reaction.Count != 1 || m.Text != "kept" {
			t.Errorf("got unexpected reactions in %+v", e)
		}
	}
	if !m.DeletedAt.IsZero() {
		line += " deleted"
		if len(m.Files) > 0 {
			t.Errorf("a tombstone has files: %+v", e)
		}
	}
	return append(lines, line)
}

// tablesContaining returns the names of the tables that have a text in some row.
func tablesContaining(t *testing.T, database, text string) (found []string) {
	t.Helper()
	list := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if strings.HasPrefix(database, "postgres") {
		list = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	for _, table := range readRows(t, database, list) {
		rows := readRows(t, database, `SELECT * FROM "`+table[0]+`"`)
		if slices.ContainsFunc(rows, func(row []string) bool { return strings.Contains(strings.Join(row, "\n"), text) }) {
			found = append(found, table[0])
		}
	}
	return found
}

// readRows reads rows directly from a database, past the server.
func readRows(t *testing.T, database, statement string) (list [][]string) {
	t.Helper()
	driver := "sqlite"
	if strings.HasPrefix(database, "postgres") {
		driver = "pgx"
	}
	db, err := sql.Open(driver, database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, at := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range row {
			at[i] = &row[i]
		}
		if err := rows.Scan(at...); err != nil {
			t.Fatal(err)
		}
		line := make([]string, len(row))
		for i, value := range row {
			line[i] = value.String
		}
		list = append(list, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
