package store

import (
	"strconv"
	"strings"

	"gorm.io/gorm"
)

// wordText is the words of a message as the column words holds them, with spaces between.
func (postgresDialect) wordText(roomID int64, words []string) string { return wordList(roomID, words) }

func wordList(roomID int64, words []string) string {
	const wordLength = 8 // of most
	room := strconv.FormatInt(roomID, 10) + "/"
	var b strings.Builder
	b.Grow(len(words) * (len(room) + wordLength))
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(room)
		b.WriteString(w)
	}
	return b.String()
}

// wordQuery asks for all of the words in any of the rooms, in the syntax of a tsquery. Words are letters, marks and
// digits: nothing in them could end the quotes.
func wordQuery(spans []span, words []string) string {
	rooms := make([]string, len(spans))
	for i, s := range spans {
		rooms[i] = "('" + strings.ReplaceAll(wordList(s.RoomID, words), " ", "' & '") + "')"
	}
	return strings.Join(rooms, " | ")
}

func (postgresDialect) indexMessages(tx *gorm.DB, messages []indexed) error {
	n := len(messages)
	rooms, ids, starts, words := make([]int64, n), make([]int64, n), make([]string, n), make([]string, n)
	for i, m := range messages {
		rooms[i], ids[i], starts[i], words[i] = m.roomID, m.id, m.start, wordList(m.roomID, m.words)
	}
	_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, `UPDATE messages m
		SET text_start = v.start, words = array_to_tsvector(string_to_array(v.words, ' '))
		FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS v (room_id, id, start, words)
		WHERE m.room_id = v.room_id AND m.id = v.id`, rooms, ids, starts, words)
	return err
}

const (
	// postgresWordStatement finds rooms by the words, which hold them already. By room_id ("+" keeps PostgreSQL from that) it
	// would at times rather read whole rooms than ask the index of the words.
	postgresWordStatement = `SELECT m.created_at, m.room_id, m.id FROM messages m
	JOIN unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS s (room_id, after, up_to) ON s.room_id = +m.room_id
	WHERE m.words @@ $1::tsquery AND m.deleted_at = 0 AND m.id > s.after AND m.id <= s.up_to` + fromLiveSender + `
	ORDER BY m.created_at DESC, m.room_id DESC, m.id DESC LIMIT $5`
	// postgresNewestWordStatement reads the messages themselves: for a function call, which @@ stands for, and for an
	// expression there is no index.
	postgresNewestWordStatement = `SELECT m.created_at, m.room_id, m.id FROM messages m
	WHERE m.room_id = $2 AND m.id > $3 AND m.id <= $4 AND ts_match_vq(m.words, $1::tsquery) AND +m.deleted_at = 0` + fromLiveSender + `
	ORDER BY m.id DESC LIMIT $5`
)

func (postgresDialect) findWords(db *gorm.DB, spans []span, words []string, limit int) ([]hit, error) {
	if len(spans) != 1 {
		return wordsIn(db, spans, words, limit)
	}
	newest, rest := spans[0].split()
	found, err := queryHits(db, postgresNewestWordStatement,
		wordQuery(spans, words), newest.RoomID, newest.ClearedID, newest.UpToID, limit)
	if err != nil || len(found) == limit || rest.empty() {
		return found, err
	}
	older, err := wordsIn(db, []span{rest}, words, limit-len(found))
	return append(found, older...), err
}

func wordsIn(db *gorm.DB, spans []span, words []string, limit int) ([]hit, error) {
	n := len(spans)
	rooms, after, upTo := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, s := range spans {
		rooms[i], after[i], upTo[i] = s.RoomID, s.ClearedID, s.UpToID
	}
	return queryHits(db, postgresWordStatement, wordQuery(spans, words), rooms, after, upTo, limit)
}
