package postgres

import (
	"strings"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// TSQuery returns a query for words in any of the rooms in the syntax of a tsquery. Words have letters, marks, digits
// and signs outside of ASCII: nothing in them can end the quotes.
func TSQuery(q wordindex.Query, spans []database.Span) string {
	rooms := make([]string, 0, 2*len(spans))
	for _, s := range spans {
		room := "'" + wordindex.RoomPrefix(s.RoomID, RoomSeparator)
		words := make([]string, len(q.Words))
		for i, w := range q.Words {
			words[i] = room + w.Text + "'"
			if w.Prefix {
				words[i] += ":*"
			}
		}
		rooms = append(rooms, "("+strings.Join(words, " & ")+")")
		if len(q.Legacy) > 0 {
			rooms = append(rooms, "("+room+strings.Join(q.Legacy, "' & "+room)+"')")
		}
	}
	return strings.Join(rooms, " | ")
}

// WordStatements are the statements that look for words in one of the two tables that have some.
type WordStatements struct {
	// Indexed asks the index.
	Indexed string
	// Newest reads the rows of a room's newest messages instead.
	Newest string
}

var (
	// Words look into message_words, which has no message that was deleted.
	Words = wordStatements("message_words",
		"COALESCE((SELECT x.text FROM messages x WHERE x.room_id = m.room_id AND x.id = m.id), '')", "")
	// ColumnWords look into the column messages.words (see IndexState.InColumn).
	ColumnWords = wordStatements("messages", "m.text", " AND +m.deleted_at = 0")
)

// wordStatements returns the statements for a table. Indexed finds rooms by the words, which hold them already: with an
// index on room_id ("+" keeps PostgreSQL from that) it would at times rather read whole rooms than ask the index of the
// words. Newest has to do without an index: none serves a function call, which @@ stands for, nor an expression.
func wordStatements(table, text, alive string) WordStatements {
	columns := "SELECT m.created_at, m.room_id, m.id, CASE WHEN $6 THEN " + text + " ELSE '' END FROM " + table + " m "
	return WordStatements{
		Indexed: columns + `JOIN unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS s (room_id, after, up_to)
	ON s.room_id = +m.room_id
	WHERE m.words @@ $1::tsquery AND m.id > s.after AND m.id <= s.up_to` + strings.Replace(alive, "+", "", 1) +
			database.FromLiveSender + `
	AND (m.created_at, m.room_id, m.id) < ($7, $8, $9) ORDER BY m.created_at DESC, m.room_id DESC, m.id DESC LIMIT $5`,
		Newest: columns + `WHERE m.room_id = $2 AND m.id > $3 AND m.id <= $4 AND ts_match_vq(m.words, $1::tsquery)` +
			alive + database.FromLiveSender + ` ORDER BY m.id DESC LIMIT $5`,
	}
}

// FindWords implements [database.SearchIndex].
func (Dialect) FindWords(
	db *gorm.DB, spans []database.Span, q database.WordQuery, limit int,
) ([]database.Hit, error) {
	found, err := Words.find(db, spans, q.Query, limit)
	if err != nil || !q.InColumn {
		return found, err
	}
	older, err := ColumnWords.find(db, spans, q.Query, limit)
	return append(found, older...), err
}

func (w WordStatements) find(
	db *gorm.DB, spans []database.Span, q wordindex.Query, limit int,
) ([]database.Hit, error) {
	if len(spans) != 1 {
		return w.indexedHits(db, spans, q, limit)
	}
	newest, rest := spans[0].Split()
	most := limit
	if !q.Exact {
		most = database.NewestFirst
	}
	found, err := database.ReadHits(db, q, limit, func(database.Hit) {}, w.Newest,
		TSQuery(q, spans), newest.RoomID, newest.ClearedID, newest.UpToID, most, !q.Exact)
	if err != nil || len(found) == limit || rest.Empty() {
		return found, err
	}
	older, err := w.indexedHits(db, []database.Span{rest}, q, limit-len(found))
	return append(found, older...), err
}

// indexedHits asks the index once, or, where the texts have to be looked at, as often as it takes.
func (w WordStatements) indexedHits(
	db *gorm.DB, spans []database.Span, q wordindex.Query, limit int,
) (found []database.Hit, err error) {
	n := len(spans)
	rooms, after, upTo := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, s := range spans {
		rooms[i], after[i], upTo[i] = s.RoomID, s.ClearedID, s.UpToID
	}
	query, most := TSQuery(q, spans), limit
	if !q.Exact {
		most = max(limit, database.NewestFirst)
	}
	last := database.Hit{CreatedAt: database.MaxTime}
	for {
		read := 0
		some, err := database.ReadHits(db, q, limit-len(found), func(h database.Hit) { last, read = h, read+1 },
			w.Indexed, query, rooms, after, upTo, most, !q.Exact, last.CreatedAt, last.RoomID, last.ID)
		found = append(found, some...)
		if err != nil || len(found) == limit || read < most {
			return found, err
		}
	}
}
