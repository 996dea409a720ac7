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

// TestMigrationRemovesCopiesFromLog migrates a database down to the schema in which the log and the responses of
// Idempotency-Keys had copies of messages, and writes old texts of deleted and edited messages into them. After Parley
// has started on it, no table has the copies any more, and the log returns the messages as they are.
func TestMigrationRemovesCopiesFromLog(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuest("ada")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Subject: harness.Ptr("advert 1")})
		cleared := owner.CreatePublicRoom()
		start, key := eventCursor(owner), []string{harness.IdempotencyKey, harness.UniqueName("key")}
		kept := owner.SendText(room.ID, "kept <&> \"quoted\"")
		file := owner.UploadFile(room.ID, "a.png", "image/png", harness.OnePixelPNG())
		owner.Call("POST", harness.RoomPath(room.ID)+"/messages",
			models.NewMessage{FileIDs: []string{file.ID}, ReplyTo: &kept.ID, ClientID: harness.Ptr("c")}).ExpectStatus(201)
		owner.Call("PUT", reactionPath(kept, "👍"), nil).ExpectStatus(200)
		edited, deleted := owner.SendText(room.ID, "edited"), owner.SendText(room.ID, "to be deleted", key...)
		owner.Call("PATCH", harness.MessagePath(edited), models.MessageEdit{Text: "current"}).ExpectStatus(200)
		owner.Call("DELETE", harness.MessagePath(deleted), nil).ExpectStatus(204)
		owner.SendText(cleared.ID, "to be cleared")
		owner.Call("DELETE", harness.RoomPath(cleared.ID)+"/messages", nil).ExpectStatus(204)
		want, _ := owner.PollEvents("limit=200&after=" + start)
		s.Stop()

		migrateDown(t, database, copiesVersion)
		t.Run("down", func(t *testing.T) { wantCopies(t, database, want) })
		putCopies(t, database, edited, deleted, models.Message{RoomID: cleared.ID, ID: 1})
		if tables := tablesContaining(t, database, deletedMark); !slices.Contains(tables, "events") ||
			!slices.Contains(tables, "idempotency_keys") {
			t.Fatalf("got copies in %v, want them in events and idempotency_keys", tables)
		}

		s = harness.StartServer(t, database)
		owner = owner.AtServer(s.URL)
		if got, _ := owner.PollEvents("limit=200&after=" + start); !slices.EqualFunc(got, want, sameEvent) {
			t.Errorf("the log after the migration:\n%s\nbefore:\n%s", harness.AsJSON(t, got), harness.AsJSON(t, want))
		}
		again := owner.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "to be deleted"}, key...).
			ExpectStatus(201)
		var tombstone models.Message
		again.Decode(&tombstone)
		if tombstone.ID != deleted.ID || tombstone.DeletedAt.IsZero() || tombstone.Text != "" {
			t.Errorf("the same call again: got %v, want the tombstone", again)
		}
		if tables := tablesContaining(t, database, deletedMark); len(tables) > 0 {
			t.Errorf("copies are still in %v", tables)
		}
		s.Stop()
		if strings.HasPrefix(database, "postgres") {
			return // PostgreSQL's VACUUM overwrites removed rows
		}
		if file, err := os.ReadFile(database); err != nil || bytes.Contains(file, []byte(deletedMark+" text")) {
			t.Errorf("copies are still in unused pages of the file: %v", err)
		}
	})
}

// putCopies writes messages into the log and the stored responses as they were before they were deleted or edited.
func putCopies(t *testing.T, database string, messages ...models.Message) {
	t.Helper()
	for _, from := range []struct{ table, key, column string }{
		{"events", "position", "data"}, {"idempotency_keys", "created_at", "answer"},
	} {
		statement := fmt.Sprintf("SELECT %s, %s FROM %s WHERE %[2]s LIKE '%%\"sender\"%%'",
			from.key, from.column, from.table)
		for _, row := range readRows(t, database, statement) {
			var m models.Message
			if err := json.Unmarshal([]byte(row[1]), &m); err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(messages, func(w models.Message) bool { return w.RoomID == m.RoomID && w.ID == m.ID }) {
				m.Text, m.DeletedAt = deletedMark+" text", models.Time{}
				harness.Execute(t, database,
					fmt.Sprintf("UPDATE %s SET %s = '%s' WHERE %s = %s", from.table, from.column, m.AppendJSON(nil), from.key, row[0]))
			}
		}
	}
}

// wantCopies checks that the log's rows have the messages, for the old version that reads them there.
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
			t.Errorf("a cleared message has the row %v", row)
		case at >= 0 && !harness.SameJSON(t, json.RawMessage(row[2]), want[at].Data):
			t.Errorf("got the row %v, want %s", row, want[at].Data)
		}
	}
	if len(rows) < len(want)-1 {
		t.Errorf("got too few rows: %v", rows)
	}
}

// sameEvent reports whether two events are equal.
func sameEvent(a, b models.Event) bool {
	return a.ID == b.ID && a.Name == b.Name && string(a.Data) == string(b.Data)
}
