package store

import (
	"strings"

	"gorm.io/gorm"
)

const roomMarkPostgres = "/"

// wordText is the words of a message as the column words holds them, with spaces between.
func (postgresDialect) wordText(roomID int64, words []string) string {
	return wordList(roomID, roomMarkPostgres, words)
}

// postgres asks for the words in any of the rooms, in the syntax of a tsquery. Words are letters, marks, digits and signs
// that are none of ASCII: nothing in them could end the quotes.
func (q *wordQuery) postgres(spans []span) string {
	rooms := make([]string, 0, 2*len(spans))
	for _, s := range spans {
		room := "'" + roomMark(s.RoomID, roomMarkPostgres)
		words := make([]string, len(q.words))
		for i, w := range q.words {
			words[i] = room + w.text + "'"
			if w.start {
				words[i] += ":*"
			}
		}
		rooms = append(rooms, "("+strings.Join(words, " & ")+")")
		if len(q.before) > 0 {
			rooms = append(rooms, "("+room+strings.Join(q.before, "' & "+room)+"')")
		}
	}
	return strings.Join(rooms, " | ")
}

func (postgresDialect) indexMessages(tx *gorm.DB, messages []indexed) error {
	n := len(messages)
	rooms, ids, starts, words := make([]int64, n), make([]int64, n), make([]string, n), make([]string, n)
	for i, m := range messages {
		rooms[i], ids[i], starts[i], words[i] = m.roomID, m.id, m.start, wordList(m.roomID, roomMarkPostgres, m.words)
	}
	_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, `UPDATE messages m
		SET text_start = v.start, index_version = `+indexVersion+`, words = array_to_tsvector(string_to_array(v.words, ' '))
		FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS v (room_id, id, start, words)
		WHERE m.room_id = v.room_id AND m.id = v.id`, rooms, ids, starts, words)
	return err
}

const (
	// postgresWordStatement finds rooms by the words, which hold them already. By room_id ("+" keeps PostgreSQL from that) it
	// would at times rather read whole rooms than ask the index of the words.
	postgresWordStatement = `SELECT m.created_at, m.room_id, m.id, CASE WHEN $6 THEN m.text ELSE '' END FROM messages m
	JOIN unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS s (room_id, after, up_to) ON s.room_id = +m.room_id
	WHERE m.words @@ $1::tsquery AND m.deleted_at = 0 AND m.id > s.after AND m.id <= s.up_to` + fromLiveSender + `
	AND (m.created_at, m.room_id, m.id) < ($7, $8, $9) ORDER BY m.created_at DESC, m.room_id DESC, m.id DESC LIMIT $5`
	// postgresNewestWordStatement reads the messages themselves: for a function call, which @@ stands for, and for an
	// expression there is no index.
	postgresNewestWordStatement = `SELECT m.created_at, m.room_id, m.id, CASE WHEN $6 THEN m.text ELSE '' END FROM messages m
	WHERE m.room_id = $2 AND m.id > $3 AND m.id <= $4 AND ts_match_vq(m.words, $1::tsquery) AND +m.deleted_at = 0` + fromLiveSender + `
	ORDER BY m.id DESC LIMIT $5`
)

func (d postgresDialect) findWords(db *gorm.DB, spans []span, q wordQuery, limit int) ([]hit, error) {
	if len(spans) != 1 {
		return d.indexedHits(db, spans, q, limit)
	}
	newest, rest := spans[0].split()
	most := limit
	if !q.exact {
		most = newestFirst
	}
	found, err := q.hits(db, limit, postgresNewestWordStatement,
		q.postgres(spans), newest.RoomID, newest.ClearedID, newest.UpToID, most, !q.exact)
	if err != nil || len(found) == limit || rest.empty() {
		return found, err
	}
	older, err := d.indexedHits(db, []span{rest}, q, limit-len(found))
	return append(found, older...), err
}

// indexedHits asks once, or, where the texts have to be looked at, as often as it takes.
func (postgresDialect) indexedHits(db *gorm.DB, spans []span, q wordQuery, limit int) (found []hit, err error) {
	n := len(spans)
	rooms, after, upTo := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, s := range spans {
		rooms[i], after[i], upTo[i] = s.RoomID, s.ClearedID, s.UpToID
	}
	query, most := q.postgres(spans), limit
	if !q.exact {
		most = max(limit, newestFirst)
	}
	last := hit{createdAt: latest}
	for {
		read := 0
		some, err := q.each(db, limit-len(found), func(h hit) { last, read = h, read+1 }, postgresWordStatement,
			query, rooms, after, upTo, most, !q.exact, last.createdAt, last.roomID, last.id)
		found = append(found, some...)
		if err != nil || len(found) == limit || read < most {
			return found, err
		}
	}
}
