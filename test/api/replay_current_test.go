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

// Whatever holds this was deleted, cleared away or edited out.
const gone = "vanished"

// TestToldAgainAsItIs: what a stream that comes back and a poll tell of messages is what there is by then. Of what was
// deleted neither tells, whether from the memory of the node on which it happened, of another one, or after a restart.
func TestToldAgainAsItIs(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		flags := []string{"--lobby", "none"}
		s := harness.StartServer(t, database, flags...)
		told := newRetold(harness.NewClient(t, s.URL))
		told.sameEverywhere(t, "where it happened")
		if strings.HasPrefix(database, "postgres") {
			other := harness.StartServer(t, database, flags...) // hears of all but by reading the log
			told.reader = told.reader.AtServer(other.URL)
			told.sameEverywhere(t, "at another node")
			told.change(t)
			told.sameEverywhere(t, "at another node, of what happened since")
			told.reader = told.reader.AtServer(s.URL)
		} else {
			told.change(t)
		}
		told.sameEverywhere(t, "where more of it happened")
		s.Stop()
		s = harness.StartServer(t, database, flags...)
		told.reader = told.reader.AtServer(s.URL)
		told.sameEverywhere(t, "after a restart")
		// What was cleared away goes in batches behind the restart.
		harness.Eventually(t, "no table holds a text that is gone", func() bool { return len(tablesWith(t, database, gone+" text")) == 0 })
	})
}

// retold is what a reader is told again.
type retold struct {
	reader *harness.Client
	start  string // before all of it
	room   models.Room
	mark   models.Message
	want   []string // what comes of the room, in order, as outline has it
}

func newRetold(c *harness.Client) *retold {
	owner, reader := c.NewGuest("ada"), c.NewGuest("grace")
	gones := c.Guest(harness.UniqueName(gone))
	room, cleared, deleted := owner.CreatePublicRoom(reader, gones), owner.CreatePublicRoom(reader), owner.CreateRoom(models.NewRoom{
		Name: harness.Ptr(gone + " room"), Description: harness.Ptr(gone + " words"),
	})
	owner.AddMember(deleted.ID, reader, models.RoleMember)
	told := &retold{reader: reader, start: eventCursor(reader), room: room}

	kept := owner.SendText(room.ID, "kept")
	edited := owner.SendText(room.ID, gone+" text, the first")
	owner.Call("PATCH", harness.MessagePath(edited), models.MessageEdit{Text: "edited"}).ExpectStatus(200)
	owner.Call("PUT", reactionPath(kept, "👍"), nil).ExpectStatus(200)
	buried := owner.SendText(room.ID, gone+" text")
	owner.Call("PATCH", harness.MessagePath(buried), models.MessageEdit{Text: gone + " text once more"}).ExpectStatus(200)
	owner.Call("PUT", reactionPath(buried, "👍"), nil).ExpectStatus(200)
	file := owner.UploadFile(room.ID, gone+" text.txt", "text/plain", []byte("text"))
	var shown models.Message
	owner.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{FileIDs: []string{file.ID}}, harness.IdempotencyKey, harness.UniqueName("key")).
		ExpectStatus(201).Decode(&shown)
	gones.SendText(room.ID, gone+" text")
	owner.SendText(cleared.ID, gone+" text")
	owner.SendText(deleted.ID, gone+" text")

	owner.Call("DELETE", harness.MessagePath(buried), nil).ExpectStatus(204)
	owner.Call("DELETE", harness.MessagePath(shown), nil).ExpectStatus(204)
	owner.Call("DELETE", harness.RoomPath(cleared.ID)+"/messages", nil).ExpectStatus(204)
	owner.Call("DELETE", harness.RoomPath(deleted.ID), nil).ExpectStatus(204)
	gones.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	harness.Eventually(c.T, "all is told of what they had", func() bool {
		items, _ := reader.PollEvents("limit=200&after=" + told.start)
		return slices.ContainsFunc(items, func(e models.Event) bool {
			return e.Name == models.EventMessageDeleted && strings.Contains(string(e.Data), `"message_id":5`)
		})
	})
	told.mark = owner.SendText(room.ID, "the mark")
	told.want = []string{
		"message.created 1 kept", "message.created 2 edited", "message.edited 2 edited", "reaction.added 1 =1",
		"message.created 3 deleted", "message.edited 3 deleted", "reaction.added 3 =1", "message.created 4 deleted",
		"message.deleted 3", "message.deleted 4", "member.left", "message.deleted 5", "message.created 6 the mark",
	}
	return told
}

// change deletes a message that the memory of the nodes has as it was.
func (r *retold) change(t *testing.T) {
	t.Helper()
	owner := r.reader
	m := owner.SendText(r.room.ID, gone+" text, of late")
	live := owner.OpenReadyStream("last_event_id=" + r.start)
	for late := false; !late; {
		late = strings.Contains(live.Next().Data, "of late")
	}
	owner.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204)
	r.mark = owner.SendText(r.room.ID, "the end")
	r.want = append(r.want, "message.created 7 deleted", "message.deleted 7", "message.created 8 the end")
	live.Cancel()
}

// sameEverywhere wants the reader to be told just that, by a stream in the room, by one outside of it and by polling.
func (r *retold) sameEverywhere(t *testing.T, where string) {
	t.Helper()
	items, _ := r.reader.PollEvents("limit=200&after=" + r.start)
	var polled []string
	for _, e := range items {
		polled = r.outline(t, polled, harness.Event{ID: e.ID, Name: string(e.Name), Data: string(e.Data)})
	}
	r.wants(t, where+", polled", polled)
	for _, query := range []string{fmt.Sprintf("room=%d&", r.room.ID), ""} {
		s := r.reader.OpenReadyStream(query + "last_event_id=" + r.start)
		var streamed []string
		for {
			e := s.Next()
			streamed = r.outline(t, streamed, e)
			var m models.Message
			if strings.HasPrefix(e.Name, "message.") && e.Decode(&m) == nil && m.RoomID == r.room.ID && m.ID == r.mark.ID {
				break
			}
		}
		s.Cancel()
		r.wants(t, where+", streamed "+query, streamed)
	}
}

func (r *retold) wants(t *testing.T, what string, got []string) {
	t.Helper()
	if !slices.Equal(got, r.want) {
		t.Errorf("%s: was told\n%s\nwanted\n%s", what, strings.Join(got, "\n"), strings.Join(r.want, "\n"))
	}
}

// outline adds what matters of an event of the room. Nothing may hold what is gone.
func (r *retold) outline(t *testing.T, lines []string, e harness.Event) []string {
	t.Helper()
	if strings.Contains(e.Data, gone) {
		t.Errorf("what is gone was told again: %+v", e)
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
	for _, one := range m.Reactions { // from memory the message may come without
		if one.Me != nil || one.Count != 1 || m.Text != "kept" {
			t.Errorf("got reactions in %+v", e)
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

// tablesWith are the tables in which a text is to be found.
func tablesWith(t *testing.T, database, text string) (found []string) {
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

// readRows reads from a database behind the server's back.
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
