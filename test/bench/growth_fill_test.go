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
	// fillRooms is how many rooms there are at most beside the large one, of which the reader is in fillOwn at most.
	fillRooms = 10_000
	fillOwn   = 1000
	// fillBatch is how many messages are written in a transaction.
	fillBatch = 10_000
	// fillCommon is how many different words of the kind that is searched for there are: each is in as many messages.
	fillCommon = 20
)

// filledDatabase is a database with a large room, which a tenth of the messages is in, and many small ones. Anna is in the large
// room and in up to a thousand of the others.
type filledDatabase struct {
	benchDatabase
	database string
	size     int
	anna     *harness.Client
	rooms    []int64 // the first is the large one
	owners   []int64
	counts   []int64 // of the messages in each
	newest   []int64 // when the newest message of each was sent
}

// newFilledDatabase makes the rooms through Parley, and writes the messages past it, many times as fast: the very rows that it
// would leave, once the log's are no longer kept.
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
			t.Fatalf("%s: %d instead of %d (%v)", count, n, size, err)
		}
	}
	t.Logf("%d messages were written in %v", size, time.Since(start).Round(time.Second))
	return w
}

// newUnfilledDatabase makes a town without messages, and answers the server on it, too.
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
		room, _, err := s.Store.CreateRoom(context.Background(), w.owners[i], models.NewRoom{Name: harness.Ptr(fmt.Sprint("room ", i))}, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.rooms[i] = room.ID
	}
	return w, s
}

// fillRow is a message to be written. All of a room's are of one sender: the id is the number among theirs, too.
type fillRow struct {
	room, id, sender, at int64
	text                 string
	words                []string
}

// fill writes the messages in the order in which they would have been sent, and what the rooms and their members count.
func (w *filledDatabase) fill(t testing.TB, db *sql.DB) {
	t.Helper()
	batches := make(chan []fillRow, 4)
	defer func() {
		for range batches { // so that whoever composes them ends
		}
	}()
	go func() { // on the other core
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

// storeCounts stores what the rooms and their members count.
func (w *filledDatabase) storeCounts(tx *sql.Tx) error {
	for i, room := range w.rooms {
		_, err := tx.Exec(`UPDATE rooms SET message_count = $1, last_message_id = $1, last_message_at = $2, active_at = $2,
			updated_at = $2 WHERE id = $3`, w.counts[i], w.newest[i], room)
		if err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE memberships SET sent_count = $1, own_count = $1 WHERE room_id = $2", w.counts[i], room); err != nil {
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

// fillSQLite writes the messages in their order, and the words of each room's together: in the index these are one
// list, which is written anew for each step back.
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
		rooms[i], ids[i], senders[i], times[i], texts[i], words[i] = r.room, r.id, r.sender, r.at, r.text, roomWords(r.room, "/", r.words)
	}
	_, err := tx.Exec(postgresSearchable, rooms, ids, senders, times, texts, words, ids)
	return err
}
