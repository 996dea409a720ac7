package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// copiesVersion is the last schema in which the log had copies of messages.
const copiesVersion = 9

// TestLogLosesItsCopies takes a database back to the schema in which the log and the answers under Idempotency-Keys were
// copies of messages, lets those be of messages that were deleted and edited since, and starts Parley on it: no table has
// them any more, and the log tells what there is.
func TestLogLosesItsCopies(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuest("ada")
		room, cleared := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Subject: harness.Ptr("advert 1")}), owner.CreatePublicRoom()
		start, key := eventCursor(owner), []string{harness.IdempotencyKey, harness.UniqueName("key")}
		kept := owner.SendText(room.ID, "kept <&> \"quoted\"")
		file := owner.UploadFile(room.ID, "a.png", "image/png", harness.PNGOfOnePixel())
		owner.Call("POST", harness.RoomPath(room.ID)+"/messages",
			models.NewMessage{FileIDs: []string{file.ID}, ReplyTo: &kept.ID, ClientID: harness.Ptr("c")}).ExpectStatus(201)
		owner.Call("PUT", reactionPath(kept, "👍"), nil).ExpectStatus(200)
		edited, buried := owner.SendText(room.ID, "edited"), owner.SendText(room.ID, "to be deleted", key...)
		owner.Call("PATCH", harness.MessagePath(edited), models.MessageEdit{Text: "as it is"}).ExpectStatus(200)
		owner.Call("DELETE", harness.MessagePath(buried), nil).ExpectStatus(204)
		owner.SendText(cleared.ID, "to be cleared away")
		owner.Call("DELETE", harness.RoomPath(cleared.ID)+"/messages", nil).ExpectStatus(204)
		want, _ := owner.PollEvents("limit=200&after=" + start)
		s.Stop()

		migrateDown(t, database, copiesVersion)
		t.Run("down", func(t *testing.T) { wantCopies(t, database, want) })
		putCopies(t, database, edited, buried, models.Message{RoomID: cleared.ID, ID: 1})
		if tables := tablesWith(t, database, gone); !slices.Contains(tables, "events") || !slices.Contains(tables, "idempotency_keys") {
			t.Fatalf("there are copies in %v alone", tables)
		}

		s = harness.StartServer(t, database)
		owner = owner.AtServer(s.URL)
		if got, _ := owner.PollEvents("limit=200&after=" + start); !slices.EqualFunc(got, want, sameEvent) {
			t.Errorf("after the migration the log tells\n%s\nbefore\n%s", harness.AsJSON(t, got), harness.AsJSON(t, want))
		}
		again := owner.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "to be deleted"}, key...).ExpectStatus(201)
		var stone models.Message
		again.Decode(&stone)
		if stone.ID != buried.ID || stone.DeletedAt.IsZero() || stone.Text != "" {
			t.Errorf("the same call again: %v", again)
		}
		if tables := tablesWith(t, database, gone); len(tables) > 0 {
			t.Errorf("copies are still in %v", tables)
		}
		s.Stop()
		if strings.HasPrefix(database, "postgres") {
			return // its VACUUM overwrites what is no row any more
		}
		if file, err := os.ReadFile(database); err != nil || bytes.Contains(file, []byte(gone+" text")) {
			t.Errorf("copies are still in the file, where there are no rows: %v", err)
		}
	})
}

// putCopies makes the log, and the answers, have messages as they were before they were deleted or edited.
func putCopies(t *testing.T, database string, messages ...models.Message) {
	t.Helper()
	for _, from := range []struct{ table, key, column string }{
		{"events", "position", "data"}, {"idempotency_keys", "created_at", "answer"},
	} {
		for _, row := range readRows(t, database, fmt.Sprintf("SELECT %s, %s FROM %s WHERE %[2]s LIKE '%%\"sender\"%%'", from.key, from.column, from.table)) {
			var m models.Message
			if err := json.Unmarshal([]byte(row[1]), &m); err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(messages, func(w models.Message) bool { return w.RoomID == m.RoomID && w.ID == m.ID }) {
				m.Text, m.DeletedAt = gone+" text", models.Time{}
				harness.Execute(t, database, fmt.Sprintf("UPDATE %s SET %s = '%s' WHERE %s = %s", from.table, from.column, m.AppendJSON(nil), from.key, row[0]))
			}
		}
	}
}

// wantCopies wants the log to hold what it tells, for the version that reads it.
func wantCopies(t *testing.T, database string, want []models.Event) {
	t.Helper()
	rows := readRows(t, database, "SELECT position, name, data FROM events WHERE name LIKE 'message.%' ORDER BY position")
	for _, row := range rows {
		var m models.Message
		if err := json.Unmarshal([]byte(row[2]), &m); err != nil {
			t.Fatalf("%v: %v", row, err)
		}
		at := slices.IndexFunc(want, func(e models.Event) bool { return strings.HasSuffix(e.ID, "-"+row[0]) })
		switch {
		case at < 0 && (m.DeletedAt.IsZero() || m.Text != "" || m.ID == 0):
			t.Errorf("of a message that was cleared away there is %v", row)
		case at >= 0 && !harness.SameJSON(t, json.RawMessage(row[2]), want[at].Data):
			t.Errorf("there is %v, and told was %s", row, want[at].Data)
		}
	}
	if len(rows) < len(want)-1 {
		t.Errorf("there are %v", rows)
	}
}

func sameEvent(a, b models.Event) bool {
	return a.ID == b.ID && a.Name == b.Name && string(a.Data) == string(b.Data)
}
