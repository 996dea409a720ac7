package bench

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

// benchDatabase is one of the databases, and how to access it with its driver alone.
type benchDatabase struct {
	name, title, driver string
	make                func(testing.TB) string
	open                func(t testing.TB, database string) *sql.DB
	bare                func(t testing.TB, database string) bareDriver
	compact             string // the maintenance that the database does by itself some time after many writes
	fill                func(tx *sql.Tx, batch []fillRow) error
	counts              []string // statements that count the messages in each table that must have all of them
	version             string   // the statement that returns the database's version
	words               []string // statements that return the indexed words of all messages
	pageGoal            goal     // of the pages that are read per second
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
			pageGoal: atLeast(0.5, 0.8),
		},
		{
			name: "postgres", title: "PostgreSQL", driver: "pgx",
			make: harness.NewPostgres, open: openPostgres, bare: openBarePostgres,
			compact: "VACUUM (ANALYZE)", version: "SHOW server_version",
			fill: fillPostgres,
			counts: []string{
				"SELECT count(*) FROM messages WHERE text_start IS NOT NULL", "SELECT count(*) FROM message_words",
			},
			words:    []string{"SELECT room_id, id, sender_id, created_at > 0, words FROM message_words ORDER BY room_id, id"},
			pageGoal: atLeast(0.75, 0.9),
		},
	}
}

// bareIndexed is the number of messages whose words the bare loop commits together, as Parley does behind the messages.
const bareIndexed = 200

// bareLoop commits the rows that Parley commits for messages, and does nothing else: no requests, no checks, no
// encoding, no readers.
type bareLoop struct {
	driver    bareDriver
	rows      bareRows
	unindexed bareRows // the rows that wait for the index of words
	carry     float64  // the fraction of a group's mean size that earlier groups left over
}

// bareDriver commits the rows of a group of n messages to one database, and later their words.
type bareDriver interface {
	commit(ctx context.Context, r bareRows, n int) error
	index(ctx context.Context, r bareRows, n int) error
}

// bareRows is the data that is written, prepared in advance.
type bareRows struct {
	roomID     int64
	lastID     int64 // of the room's newest message
	members    []int64
	texts      []bareText
	searchable bool // whether the index for searches is written too
}

// bareText is a message's text, and its words for the index.
type bareText struct {
	text  string // also used for searches by prefix as it is: it is short, and has no capital letters
	words []string
}

// message returns the message that is i after the next one, and its sender: each member in turn.
func (r bareRows) message(i int) (id, sender int64, t bareText) {
	n := r.lastID + int64(i)
	return n + 1, r.members[n%int64(len(r.members))], r.texts[n%int64(len(r.texts))]
}

// senderSeq returns the number of a message among those of its sender.
func (r bareRows) senderSeq(id int64) int64 { return (id-1)/int64(len(r.members)) + 1 }

func newBareLoop(c chat, d bareDriver) *bareLoop {
	r := bareRows{roomID: c.roomID, searchable: true}
	for _, m := range c.members {
		r.members = append(r.members, m.User.ID)
	}
	for _, text := range sendTexts() {
		r.texts = append(r.texts, bareText{text: text, words: wordsOf(text)})
	}
	return &bareLoop{driver: d, rows: r, unindexed: r}
}

// commitFor commits groups of messages of a mean size for a duration, and returns the number of messages per second.
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

// next returns the size of the next group, so that the mean of all groups is mean.
func (l *bareLoop) next(mean float64) int {
	l.carry += mean
	n := int(l.carry)
	l.carry -= float64(n)
	return n
}

func (l *bareLoop) commit(n int) error {
	ctx := context.Background() // a context that can be cancelled costs a goroutine for each statement
	if err := l.driver.commit(ctx, l.rows, n); err != nil {
		return err
	}
	l.rows.lastID += int64(n)
	if !l.rows.searchable {
		l.unindexed.lastID = l.rows.lastID
	}
	if l.rows.lastID-l.unindexed.lastID < bareIndexed {
		return nil
	}
	return l.index()
}

// index commits the words of the messages that wait for it.
func (l *bareLoop) index() error {
	n := int(l.rows.lastID - l.unindexed.lastID)
	if n == 0 {
		return nil
	}
	err := l.driver.index(context.Background(), l.unindexed, n)
	l.unindexed.lastID = l.rows.lastID
	return err
}
