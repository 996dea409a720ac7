package store

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestSearchOfLargeRoom searches a room of so many messages that SQLite looks for the rarest word first: for a word
// that few messages have, for one that is the start of many, and for words none of which is rare.
func TestSearchOfLargeRoom(t *testing.T) {
	const messages = 60_000
	h := openTestStore(t, migrated.SQLite(t))
	defer h.close()
	anna := h.user("anna")
	room := h.room("large", models.RoomPublic, anna)
	h.stopJanitor()
	numbers := fmt.Sprintf("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", messages)
	for _, fill := range []string{
		fmt.Sprintf("INSERT INTO messages (room_id, id, sender_id, type, text, created_at, text_start, sender_seq, "+
			"index_version) "+numbers+"SELECT %d, i, %d, 'text', 'tea m' || i || iif(i %% 2, ' odd', ''), i, '', i, 1 FROM n",
			room.ID, anna.ID),
		fmt.Sprintf("INSERT INTO message_words (rowid, words) "+numbers+"SELECT %[1]d << 32 | i, "+
			"'%[1]d·tea %[1]d·m' || i || iif(i %% 2, ' %[1]d·odd', '') FROM n", room.ID),
		fmt.Sprintf("UPDATE rooms SET last_message_id = %[1]d, message_count = %[1]d, last_message_at = %[1]d", messages),
	} {
		h.must(h.writer.Exec(fill).Error)
	}
	matching := func(fits func(i int) bool) (texts []string) {
		for i := messages; i > 0; i-- {
			if text := fmt.Sprint("tea m", i); fits(i) {
				if i%2 == 1 {
					text += " odd"
				}
				texts = append(texts, text)
			}
		}
		return texts
	}
	for words, fits := range map[string]func(i int) bool{
		"m30000 tea": func(i int) bool { return i == 30000 },
		"tea m3000":  func(i int) bool { return i == 3000 || i/10 == 3000 },
		"m599 odd":   func(i int) bool { return i%2 == 1 && (i == 599 || i/10 == 599 || i/100 == 599) },
		"m30000 odd": func(int) bool { return false },
		"te m12":     func(i int) bool { return i == 12 || i/10 == 12 || i/100 == 12 || i/1000 == 12 },
		"odd m1 tea": func(i int) bool { return i%2 == 1 && fmt.Sprint(i)[0] == '1' },
		"odd tea":    func(i int) bool { return i%2 == 1 },
	} {
		page, err := h.SearchMessages(t.Context(), anna.ID, models.RoomPath{ID: room.ID},
			models.MessageSearch{Words: &words, Paging: models.Paging{Limit: models.MaxPageSize}})
		h.must(err)
		want := matching(fits)
		want = want[:min(len(want), models.MaxPageSize)]
		if !slices.EqualFunc(page.Items, want, func(m models.Message, text string) bool { return m.Text == text }) {
			t.Errorf("%q finds %d messages, want %d", words, len(page.Items), len(want))
		}
	}
}
