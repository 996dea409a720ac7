package postgres

import (
	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// Two functions write the word index, the column messages.words: queueMessages for new messages, and IndexMessages for
// those that are edited or indexed again. When a message becomes a tombstone, no Go code removes its words: the trigger
// messages_entombed does (migrations/postgres/00003_search.sql).

// RoomSeparator stands between room and word in the column words. No word has it.
const RoomSeparator = "/"

// IndexText implements [database.SearchIndex]: the words as the column words holds them, with spaces between.
func (Dialect) IndexText(roomID int64, words []string) string {
	return wordindex.RoomWords(roomID, RoomSeparator, words)
}

// queueMessages stores new messages with their words.
func queueMessages(b *pgx.Batch, posts []*database.Post) {
	n := len(posts)
	roomIDs, ids, senders := make([]int64, n), make([]int64, n), make([]int64, n)
	types, texts, clientIDs := make([]string, n), make([]string, n), make([]string, n)
	replies, times, seqs := make([]int64, n), make([]int64, n), make([]int64, n)
	starts, words := make([]string, n), make([]string, n)
	for i, p := range posts {
		m := p.Message
		roomIDs[i], ids[i], senders[i] = m.RoomID, m.ID, m.Sender.ID
		types[i], texts[i], clientIDs[i] = string(m.Type), m.Text, m.ClientID
		replies[i], times[i] = m.ReplyTo, m.CreatedAt.Millis()
		starts[i], words[i], seqs[i] = p.TextStart, p.Words, p.SenderSeq
	}
	b.Queue(`INSERT INTO messages
		(room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, words, sender_seq, index_version)
		SELECT room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start,
		array_to_tsvector(string_to_array(words, ' ')), seq, `+wordindex.Version+`
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[],
		$9::text[], $10::text[], $11::bigint[])
		AS v (room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, words, seq)`,
		roomIDs, ids, senders, types, texts, replies, clientIDs, times, starts, words, seqs)
}

// IndexMessages implements [database.SearchIndex].
func (Dialect) IndexMessages(tx *gorm.DB, messages []database.IndexedMessage) error {
	n := len(messages)
	rooms, ids, starts, words := make([]int64, n), make([]int64, n), make([]string, n), make([]string, n)
	for i, m := range messages {
		rooms[i], ids[i], starts[i] = m.RoomID, m.ID, m.Start
		words[i] = wordindex.RoomWords(m.RoomID, RoomSeparator, m.Words)
	}
	return database.ExecDirect(tx, `UPDATE messages m SET text_start = v.start, index_version = `+wordindex.Version+`,
		words = array_to_tsvector(string_to_array(v.words, ' '))
		FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS v (room_id, id, start, words)
		WHERE m.room_id = v.room_id AND m.id = v.id`, rooms, ids, starts, words)
}
