package bench

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	// fillRooms is the maximum number of rooms besides the large one; the reader is in fillOwn of them at most.
	fillRooms = 10_000
	fillOwn   = 1000
	// fillBatch is the number of messages that are written in one transaction.
	fillBatch = 10_000
	// fillCommon is the number of words of the form "word7"; each is in one message of twenty.
	fillCommon = 20
)

// filledDatabase is a database with a large room, which has a tenth of the messages, and many small rooms. Anna is in
// the large room and in up to a thousand of the others.
type filledDatabase struct {
	benchDatabase
	database string
	size     int
	anna     *harness.Client
	rooms    []int64 // the first is the large one
	owners   []int64
	counts   []int64 // messages in each
	newest   []int64 // time of the newest message in each, in Unix milliseconds
}

// newFilledDatabase creates the rooms through Parley, and writes the messages directly, which is much faster. It writes
// the rows that Parley would leave after the log's retention.
func (d benchDatabase) newFilledDatabase(t testing.TB, size int) *filledDatabase {
	t.Helper()
	w, s := d.newUnfilledDatabase(t, size)
	defer s.Stop()
	db := d.open(t, w.database)
	start := time.Now()
	w.fill(t, db)
	if _, err := db.Exec(d.compact); err != nil {
		t.Fatal(err)
	}
	for _, count := range append(d.counts, "SELECT sum(message_count) FROM rooms") {
		var n int
		if err := db.QueryRow(count).Scan(&n); err != nil || n != size {
			t.Fatalf("%s: got %d, want %d (%v)", count, n, size, err)
		}
	}
	t.Logf("%d messages were written in %v", size, time.Since(start).Round(time.Second))
	return w
}

// newUnfilledDatabase creates the rooms without messages, and also returns the server on the database.
func (d benchDatabase) newUnfilledDatabase(t testing.TB, size int) (*filledDatabase, *harness.Server) {
	t.Helper()
	w := &filledDatabase{benchDatabase: d, database: d.make(t), size: size}
	s := harness.StartServer(t, w.database, "--rate-limit", "off")
	w.anna = harness.NewClient(t, s.URL).NewGuestNamed("anna")
	boris := harness.NewClient(t, s.URL).NewGuestNamed("boris").User.ID
	n := 1 + min(w.size/100, fillRooms)
	w.rooms, w.owners, w.counts, w.newest = make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range n {
		if w.owners[i] = w.anna.User.ID; i > fillOwn {
			w.owners[i] = boris
		}
		create := models.NewRoom{Name: harness.Ptr(fmt.Sprint("room ", i))}
		room, _, err := s.Store.CreateRoom(context.Background(), w.owners[i], create, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.rooms[i] = room.ID
	}
	return w, s
}

// fillRow is a message to be written. All messages of a room have one sender, so the id is also the sender's sequence
// number.
type fillRow struct {
	room, id, sender, at int64
	text                 string
	words                []string
}

// fill writes the messages in the order in which they would have been sent, and the counts of the rooms and members.
func (w *filledDatabase) fill(t testing.TB, db *sql.DB) {
	t.Helper()
	batches := make(chan []fillRow, 4)
	defer func() {
		for range batches { // so that generate ends
		}
	}()
	go func() { // in parallel with the writes
		defer close(batches)
		w.generate(batches)
	}()
	for batch := range batches {
		if err := transact(db, func(tx *sql.Tx) error { return w.benchDatabase.fill(tx, batch) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := transact(db, w.storeCounts); err != nil {
		t.Fatal(err)
	}
}

func (w *filledDatabase) generate(batches chan<- []fillRow) {
	c, start := newTextGenerator(), time.Now().Add(-time.Duration(w.size)*time.Millisecond).UnixMilli()
	for first := 0; first < w.size; first += fillBatch {
		var batch []fillRow
		for i := first; i < min(w.size, first+fillBatch); i++ {
			n, room := i/10, 0
			if i%10 != 0 {
				room = 1 + n%(len(w.rooms)-1)
			}
			w.counts[room]++
			w.newest[room] = start + int64(i)
			text := fmt.Sprintf("m%d says word%d tea %s", n, n%fillCommon, c.text(60))
			batch = append(batch, fillRow{w.rooms[room], w.counts[room], w.owners[room], w.newest[room], text, wordsOf(text)})
		}
		batches <- batch
	}
}

// storeCounts stores the counts of the rooms and their members.
func (w *filledDatabase) storeCounts(tx *sql.Tx) error {
	for i, room := range w.rooms {
		_, err := tx.Exec(`UPDATE rooms SET message_count = $1, last_message_id = $1, last_message_at = $2, active_at = $2,
			updated_at = $2 WHERE id = $3`, w.counts[i], w.newest[i], room)
		if err != nil {
			return err
		}
		_, err = tx.Exec("UPDATE memberships SET sent_count = $1, own_count = $1 WHERE room_id = $2", w.counts[i], room)
		if err != nil {
			return err
		}
	}
	return nil
}

func transact(db *sql.DB, do func(tx *sql.Tx) error) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// fillSQLite writes the messages in their order, and the words of each room together: the index stores a room's words
// in one list, which SQLite rewrites whenever a message id is lower than the one before.
func fillSQLite(tx *sql.Tx, batch []fillRow) error {
	message, err := tx.Prepare(sqliteMessage)
	if err != nil {
		return err
	}
	defer func() { _ = message.Close() }()
	words, err := tx.Prepare(sqliteWords)
	if err != nil {
		return err
	}
	defer func() { _ = words.Close() }()
	for _, r := range batch {
		if _, err := message.Exec(r.room, r.id, r.sender, r.text, r.at, r.id); err != nil {
			return err
		}
	}
	slices.SortFunc(batch, func(a, b fillRow) int { return cmp.Or(cmp.Compare(a.room, b.room), cmp.Compare(a.id, b.id)) })
	for _, r := range batch {
		if _, err := words.Exec(r.room, r.id, roomWords(r.room, "·", r.words)); err != nil {
			return err
		}
	}
	return nil
}

func fillPostgres(tx *sql.Tx, batch []fillRow) error {
	n := len(batch)
	rooms, ids, senders, times := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	texts, words := make([]string, n), make([]string, n)
	for i, r := range batch {
		rooms[i], ids[i], senders[i], times[i] = r.room, r.id, r.sender, r.at
		texts[i], words[i] = r.text, roomWords(r.room, "/", r.words)
	}
	_, err := tx.Exec(postgresSearchable, rooms, ids, senders, times, texts, ids)
	if err == nil {
		_, err = tx.Exec(postgresWords, rooms, ids, senders, times, words)
	}
	return err
}
