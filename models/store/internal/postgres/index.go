package postgres

import (
	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// Two functions write the word index, the table message_words: AddToIndex for new messages, and IndexMessages for those
// that are edited or indexed again. When a message is deleted or becomes a tombstone, no Go code removes its words: the
// triggers messages_forgotten and messages_entombed do (migrations/postgres/00017_word_index.sql).

// RoomSeparator stands between room and word in the index. No word has it.
const RoomSeparator = "/"

// queueMessages stores new messages.
func queueMessages(b *pgx.Batch, posts []*database.Post) {
	n := len(posts)
	roomIDs, ids, senders := make([]int64, n), make([]int64, n), make([]int64, n)
	types, texts, clientIDs := make([]string, n), make([]string, n), make([]string, n)
	replies, times, seqs := make([]int64, n), make([]int64, n), make([]int64, n)
	starts := make([]string, n)
	for i, p := range posts {
		m := p.Message
		roomIDs[i], ids[i], senders[i] = m.RoomID, m.ID, m.Sender.ID
		types[i], texts[i], clientIDs[i] = string(m.Type), m.Text, m.ClientID
		replies[i], times[i] = m.ReplyTo, m.CreatedAt.Millis()
		starts[i], seqs[i] = p.TextStart, p.SenderSeq
	}
	b.Queue(`INSERT INTO messages
		(room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, sender_seq, index_version)
		SELECT room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, seq, `+wordindex.Version+`
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[],
		$9::text[], $10::bigint[])
		AS v (room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, seq)`,
		roomIDs, ids, senders, types, texts, replies, clientIDs, times, starts, seqs)
}

// IndexMessages implements [database.SearchIndex].
func (Dialect) IndexMessages(tx *gorm.DB, messages []database.IndexedMessage) error {
	n := len(messages)
	rooms, ids, starts, words := make([]int64, n), make([]int64, n), make([]string, n), make([]string, n)
	for i, m := range messages {
		rooms[i], ids[i], starts[i] = m.RoomID, m.ID, m.Start
		words[i] = wordindex.RoomWords(m.RoomID, RoomSeparator, m.Words)
	}
	return database.ExecDirect(tx, `WITH v AS (SELECT * FROM
			unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS v (room_id, id, start, words)),
		updated AS (UPDATE messages m SET text_start = v.start, index_version = `+wordindex.Version+`, words = NULL
			FROM v WHERE m.room_id = v.room_id AND m.id = v.id
			RETURNING m.room_id, m.id, m.sender_id, m.created_at, v.words)
		INSERT INTO message_words (room_id, id, sender_id, created_at, words)
		SELECT room_id, id, sender_id, created_at, array_to_tsvector(string_to_array(words, ' ')) FROM updated
		ON CONFLICT (room_id, id) DO UPDATE SET words = excluded.words`, rooms, ids, starts, words)
}

// IndexState implements [database.SearchIndex].
func (Dialect) IndexState(db *gorm.DB) (s database.IndexState, err error) {
	err = database.Query(db, "SELECT position, column_words, EXISTS (SELECT 1 FROM messages WHERE "+database.ToReindex+
		") FROM word_index WHERE id = 1").Each(func() {}, &s.Position, &s.InColumn, &s.Outdated)
	return s, err
}

// AddToIndex implements [database.SearchIndex]. It locks the messages: an edit or a deletion that is under way ends
// first and is seen, and a later one waits, and changes or removes what is added here.
func (Dialect) AddToIndex(tx *gorm.DB, messages []database.IndexedMessage) error {
	n := len(messages)
	rooms, ids, words := make([]int64, 0, n), make([]int64, 0, n), make([]string, 0, n)
	for _, m := range messages {
		if len(m.Words) > 0 {
			rooms, ids = append(rooms, m.RoomID), append(ids, m.ID)
			words = append(words, wordindex.RoomWords(m.RoomID, RoomSeparator, m.Words))
		}
	}
	return database.ExecDirect(tx, `INSERT INTO message_words (room_id, id, sender_id, created_at, words)
		SELECT room_id, id, sender_id, created_at, array_to_tsvector(string_to_array(words, ' '))
		FROM (SELECT m.room_id, m.id, m.sender_id, m.created_at, v.words
			FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS v (room_id, id, words)
			JOIN messages m ON m.room_id = v.room_id AND m.id = v.id
			WHERE m.edited_at = 0 AND m.deleted_at = 0 FOR SHARE OF m) AS unchanged
		ON CONFLICT (room_id, id) DO NOTHING`, rooms, ids, words)
}
