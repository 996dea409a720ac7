package sqlite

import (
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

const (
	// WordStatement goes through the rows of the index, the newest first.
	WordStatement = `SELECT m.created_at, m.room_id, m.id, CASE WHEN ? THEN m.text ELSE '' END FROM message_words
	CROSS JOIN messages m ON m.room_id = message_words.rowid >> 32 AND m.id = message_words.rowid & 4294967295
	WHERE message_words MATCH ? AND message_words.rowid > ? AND message_words.rowid <= ?
	AND m.deleted_at = 0` + database.FromLiveSender + ` ORDER BY message_words.rowid DESC LIMIT ?`
	// NewestWordStatement reads the messages themselves.
	NewestWordStatement = `SELECT m.created_at, m.room_id, m.id, m.text FROM messages m
	WHERE m.room_id = ? AND m.id > ? AND m.id <= ? AND +m.deleted_at = 0` + database.FromLiveSender + ` ORDER BY m.id DESC`
	// countStatement counts rows of the index, up to a number.
	countStatement = `SELECT count(*) FROM (SELECT 1 FROM message_words WHERE message_words MATCH ?
	AND rowid > ? AND rowid <= ? LIMIT ?)`
)

// largeSpan is the number of messages of a span from which on its newest ones are read one by one first. FTS5 collects
// all messages with a word's prefix before it returns the first one.
const largeSpan = 50 * database.NewestFirst

const (
	// rare is the number of messages with a word from which on it is not rare.
	rare = 200
	// fewMessages is how many messages with the prefix of a rare word are read, to see whether they have the other words.
	fewMessages = 1000
)

// FindWords implements [database.SearchIndex].
func (d Dialect) FindWords(
	db *gorm.DB, spans []database.Span, q database.WordQuery, limit int,
) (found []database.Hit, err error) {
	for _, s := range spans {
		var newest []database.Hit
		if s.UpToID-s.ClearedID > largeSpan {
			var head database.Span
			head, s = s.Split()
			unindexed := q.Query
			unindexed.Exact = false // no index has looked at the text
			newest, err = database.ReadHits(db, unindexed, limit, ignore, NewestWordStatement,
				head.RoomID, head.ClearedID, head.UpToID)
			if err != nil {
				return nil, err
			}
			found = append(found, newest...)
		}
		if len(newest) == limit {
			continue
		}
		older, err := d.indexedHits(db, s, q.Query, limit-len(newest))
		if err != nil {
			return nil, err
		}
		found = append(found, older...)
	}
	return found, nil
}

func ignore(database.Hit) {}

func (Dialect) indexedHits(db *gorm.DB, s database.Span, q wordindex.Query, limit int) ([]database.Hit, error) {
	if len(q.Words) > 1 && len(q.Legacy) == 0 && s.UpToID-s.ClearedID > largeSpan {
		if found, all, err := hitsOfRareWord(db, s, q, limit); all || err != nil {
			return found, err
		}
	}
	most := limit
	if !q.Exact {
		most = -1
	}
	return readIndexed(db, s, q, q, limit, ignore, most)
}

// hitsOfRareWord reads the messages with the rarest word, and looks for the others in their texts: for a word that very
// many messages have, FTS5 would collect all of them. It reports false if no word is rare, or too many start like it.
func hitsOfRareWord(
	db *gorm.DB, s database.Span, q wordindex.Query, limit int,
) (found []database.Hit, all bool, err error) {
	rarest, fewest := wordindex.Query{}, rare
	for i := range q.Words {
		one := wordindex.Query{Words: slices.Clone(q.Words[i : i+1])}
		one.Words[0].Prefix = false // FTS5 counts whole words without collecting them
		n := 0
		err := database.Query(db, countStatement, MatchExpression(one, s.RoomID), WordsRow(s.RoomID, s.ClearedID),
			WordsRow(s.RoomID, s.UpToID), rare).Each(func() {}, &n)
		if err != nil {
			return nil, false, err
		}
		if n < fewest {
			rarest, fewest = wordindex.Query{Words: q.Words[i : i+1]}, n
		}
	}
	if fewest == rare {
		return nil, false, nil
	}
	q.Exact = false // the index has looked at one word only
	read := 0
	found, err = readIndexed(db, s, rarest, q, limit, func(database.Hit) { read++ }, fewMessages)
	return found, read < fewMessages || len(found) == limit, err
}

// readIndexed reads the newest rows of the index that have the words of one query, up to most of them (-1 for all), and
// returns those that match another one, up to limit.
func readIndexed(
	db *gorm.DB, s database.Span, words, q wordindex.Query, limit int, read func(database.Hit), most int,
) ([]database.Hit, error) {
	return database.ReadHits(db, q, limit, read, WordStatement, !q.Exact, MatchExpression(words, s.RoomID),
		WordsRow(s.RoomID, s.ClearedID), WordsRow(s.RoomID, s.UpToID), most)
}

// MatchExpression returns a query for words in a room in the syntax of FTS5. Words have letters, marks, digits and
// signs outside of ASCII: nothing in them can end the quotes.
func MatchExpression(q wordindex.Query, roomID int64) string {
	var b strings.Builder
	room := wordindex.RoomPrefix(roomID, roomSeparator)
	for i, w := range q.Words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(`"` + room + w.Text + `"`)
		if w.Prefix {
			b.WriteByte('*')
		}
	}
	if len(q.Legacy) == 0 {
		return b.String()
	}
	return "(" + b.String() + `) OR ("` + strings.Join(q.Legacy, `" "`) + `")`
}
