package bench

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

// benchDatabase is one of the databases, and how to write to it with nothing but its driver.
type benchDatabase struct {
	name, title, driver string
	make                func(testing.TB) string
	open                func(t testing.TB, database string) *sql.DB
	bare                func(t testing.TB, database string) bareDriver
	compact             string // what the database does by itself some time after much has been written to it
	fill                func(tx *sql.Tx, batch []fillRow) error
	counts              []string // statements that tell how many messages are in all tables that they have to be in
	version             string   // the statement that asks for it
	words               []string // statements that tell which words messages are found by
}

func benchDatabases() []benchDatabase {
	return []benchDatabase{
		{
			name: "sqlite", title: "SQLite", driver: "sqlite", make: harness.NewSQLite, open: openSQLite, bare: openBareSQLite,
			compact: "PRAGMA wal_checkpoint(TRUNCATE)", version: "SELECT sqlite_version()",
			fill: fillSQLite,
			counts: []string{
				"SELECT count(*) FROM messages WHERE text_start IS NOT NULL", "SELECT count(*) FROM message_words_docsize",
			},
			words: []string{
				"CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, message_words, instance)",
				"SELECT term, doc FROM words ORDER BY doc, term",
			},
		},
		{
			name: "postgres", title: "PostgreSQL", driver: "pgx", make: harness.NewPostgres, open: openPostgres, bare: openBarePostgres,
			compact: "VACUUM (ANALYZE)", version: "SHOW server_version",
			fill:   fillPostgres,
			counts: []string{"SELECT count(*) FROM messages WHERE text_start IS NOT NULL AND words IS NOT NULL"},
			words:  []string{"SELECT id, words FROM messages ORDER BY room_id, id"},
		},
	}
}

// bareLoop commits what Parley commits for messages, and does nothing else: no request, no check, no encoding, no
// reader.
type bareLoop struct {
	driver bareDriver
	rows   bareRows
	carry  float64 // what is left of a mean size that is no whole number
}

// bareDriver commits the rows of a group of n messages to one database.
type bareDriver interface {
	commit(ctx context.Context, r bareRows, n int) error
}

// bareRows is what is written, made once.
type bareRows struct {
	roomID     int64
	lastID     int64 // of the room's newest message
	members    []int64
	texts      []bareText
	searchable bool // whether messages get what Parley finds them by
}

// bareText is a message's text, and what Parley makes of it.
type bareText struct {
	text  string // also what the message is found by the start of: it is short, and has no capitals
	words []string
}

// message is the one that is i after the newest, and who sends it: each member in turn.
func (r bareRows) message(i int) (id, sender int64, t bareText) {
	n := r.lastID + int64(i)
	return n + 1, r.members[n%int64(len(r.members))], r.texts[n%int64(len(r.texts))]
}

// senderSeq is the number of a message among those of its sender.
func (r bareRows) senderSeq(id int64) int64 { return (id-1)/int64(len(r.members)) + 1 }

func newBareLoop(c chat, d bareDriver) *bareLoop {
	r := bareRows{roomID: c.roomID, searchable: true}
	for _, m := range c.members {
		r.members = append(r.members, m.User.ID)
	}
	for _, text := range sendTexts() {
		r.texts = append(r.texts, bareText{text: text, words: wordsOf(text)})
	}
	return &bareLoop{driver: d, rows: r}
}

// commitFor commits groups of so many messages in the mean for a while, and answers how many messages per second.
func (l *bareLoop) commitFor(b *testing.B, size float64, duration time.Duration) float64 {
	b.Helper()
	messages := 0
	start := time.Now()
	for time.Since(start) < duration {
		n := l.next(size)
		if err := l.commit(n); err != nil {
			b.Fatal(err)
		}
		messages += n
	}
	return float64(messages) / time.Since(start).Seconds()
}

// next is the size of the next group.
func (l *bareLoop) next(mean float64) int {
	l.carry += mean
	n := int(l.carry)
	l.carry -= float64(n)
	return n
}

func (l *bareLoop) commit(n int) error {
	ctx := context.Background() // one that could end would cost a goroutine for each statement
	if err := l.driver.commit(ctx, l.rows, n); err != nil {
		return err
	}
	l.rows.lastID += int64(n)
	return nil
}
