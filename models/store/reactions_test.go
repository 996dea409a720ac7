package store

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestOldEmojiSpellingsAreMerged has reactions that older servers stored separately for each spelling of an emoji. The
// next change merges them, and a user who reacted with two spellings counts once.
func TestOldEmojiSpellingsAreMerged(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		anna, bert, carl := h.user("anna"), h.user("bert"), h.user("carl")
		room := h.room("room", models.RoomPublic, anna, bert, carl)
		path := models.RoomPath{ID: room.ID}
		sent, _, err := h.Send(t.Context(), anna.ID, path, models.NewMessage{Text: "hello"}, nil)
		h.must(err)
		id := sent.Message.ID
		for _, r := range []struct {
			emoji string
			user  int64
		}{{"❤", anna.ID}, {"❤", bert.ID}, {"❤\ufe0f", anna.ID}, {"👍", bert.ID}} {
			h.must(h.writer.Exec("INSERT INTO reactions (room_id, message_id, emoji, user_id, created_at) VALUES (?, ?, ?, ?, "+
				"1)",
				room.ID, id, r.emoji, r.user).Error)
			h.must(h.writer.Exec(`INSERT INTO reaction_counts (room_id, message_id, emoji, count, since) VALUES (?, ?, ?, 1, 1)
				ON CONFLICT (room_id, message_id, emoji) DO UPDATE SET count = reaction_counts.count + 1`, room.ID, id, r.emoji).
				Error)
		}
		count := func(m models.Message, emoji string) int64 {
			n := int64(0)
			for _, r := range m.Reactions {
				if r.Emoji == emoji {
					n += r.Count
				}
			}
			return n
		}
		m, _, err := h.React(t.Context(), carl.ID, path, id, "❤\ufe0f")
		h.must(err)
		if len(m.Reactions) != 2 || count(m, "❤\ufe0f") != 3 || count(m, "👍") != 1 {
			t.Errorf("got %+v", m.Reactions)
		}
		for left, user := range []models.User{carl, bert, anna} {
			_, err := h.Unreact(t.Context(), user.ID, path, id, "❤\ufe0f")
			h.must(err)
			m, err := h.Message(t.Context(), anna.ID, path, id)
			h.must(err)
			if got := count(m, "❤\ufe0f"); got != int64(2-left) {
				t.Errorf("after %s there are %d", user.Username, got)
			}
		}
	})
}
