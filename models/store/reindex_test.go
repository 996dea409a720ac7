package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/postgres"
	"github.com/parley-chat/parley/models/store/internal/sqlite"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// indexByOldRules rewrites the index of all messages as the previous version of the rules did.
func (h *testStore) indexByOldRules() {
	h.t.Helper()
	var rows []messageRow
	h.must(h.writer.Raw("SELECT room_id, id, text FROM messages WHERE deleted_at = 0").Scan(&rows).Error)
	_, isSQLite := h.dialect.(sqlite.Dialect)
	for _, r := range rows {
		words := wordindex.LegacyWords(r.Text)
		if isSQLite {
			h.must(h.writer.Exec("DELETE FROM message_words WHERE rowid = ?", sqlite.WordsRow(r.RoomID, r.ID)).Error)
			h.must(h.writer.Exec(sqlite.InsertWords, sqlite.WordsRow(r.RoomID, r.ID), strings.Join(words, " ")).Error)
		} else {
			h.must(h.writer.Exec("UPDATE messages SET words = array_to_tsvector(string_to_array(?, ' ')) WHERE room_id = ? "+
				"AND id = ?",
				wordindex.RoomWords(r.RoomID, postgres.RoomSeparator, words), r.RoomID, r.ID).Error)
		}
	}
	h.must(h.writer.Exec("UPDATE messages SET index_version = 0").Error)
}

// reindex runs up to that many batches, until nothing is left to do.
func (h *testStore) reindex(t *testing.T, batches int) {
	t.Helper()
	for more := true; more && batches > 0; batches-- {
		var err error
		more, err = h.reindexMessages(t.Context())
		h.must(err)
	}
}

// TestReindexResumesAfterRestart closes a store during the reindexing and opens it again. Searches always work: by the
// old rules for messages that are not reindexed yet, and by the new rules for the others.
func TestReindexResumesAfterRestart(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		const each = 120
		h := openTestStore(t, name)
		anna := h.user("anna")
		rooms := []models.Room{h.room("talk", models.RoomPublic, anna), h.room("other", models.RoomPublic, anna)}
		for i := range each {
			for _, r := range rooms {
				h.say(r.ID, anna, fmt.Sprintf("Tea %d in Łódź with 東京 and 학교에서", i))
			}
		}
		deleted := h.say(rooms[0].ID, anna, "tea gone")
		_, err := h.DeleteMessage(t.Context(), anna.ID, models.RoomPath{ID: rooms[0].ID}, deleted, models.Condition{})
		h.must(err)
		h.stopJanitor()
		h.indexAll()
		h.indexByOldRules()
		find := func(words string, want int) {
			t.Helper()
			for _, r := range rooms {
				if got := len(h.found(anna, r.ID, words)); got != want {
					t.Errorf("search %q: got %d messages, want %d", words, got, want)
				}
			}
		}
		asBefore := func() {
			t.Helper()
			find("tea", each)
			find("Łódź", each)
			find("東京", each)
			find("京東", 0)
			find("학교에서 tea", each)
		}
		asBefore()
		find("lodz", 0)
		h.reindex(t, 1) // one batch: how much it does is a matter of its time, but never nothing
		left := h.rows("messages WHERE " + database.ToReindex)
		if left == 0 || left == 2*each {
			t.Fatalf("%d messages of %d are left", left, 2*each)
		}
		asBefore()
		if got := len(h.found(anna, rooms[0].ID, "lodz")); int64(got) > 2*each-left || got == 0 {
			t.Errorf("search finds %d of %d reindexed messages", got, 2*each-left)
		}
		// A message that is edited in the meantime is indexed at once, and only once.
		_, _, err = h.EditMessage(t.Context(), anna.ID, models.RoomPath{ID: rooms[1].ID}, each,
			models.MessageEdit{Text: "Ærø"}, models.Condition{})
		h.must(err)
		if got := h.found(anna, rooms[1].ID, "aero"); !slices.Equal(got, []string{"Ærø"}) {
			t.Errorf("search for the edited message: got %q", got)
		}
		h.close()

		h = openTestStore(t, name)
		defer h.close()
		h.stopJanitor()
		h.reindex(t, 1<<30)
		if n := h.rows("messages WHERE " + database.ToReindex); n != 0 {
			t.Errorf("%d are left", n)
		}
		for _, words := range []string{"lodz tea", "東京", "학교", "te"} {
			for i, want := range []int{each, each - 1} {
				if got := len(h.found(anna, rooms[i].ID, words)); got != want {
					t.Errorf("search %q at the end: got %d messages, want %d", words, got, want)
				}
			}
		}
		if got := h.found(anna, rooms[1].ID, "aero"); len(got) != 1 {
			t.Errorf("search for the edited message at the end: got %q", got)
		}
	})
}
