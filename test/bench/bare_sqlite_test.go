package bench

import (
	"context"
	"database/sql"
	"net/url"
	"testing"
	"time"
)

// bareSQLite writes to SQLite over one connection, with statements that are prepared once.
type bareSQLite struct {
	begin, insertMessage, insertPlain, insertWords, moveIndex, updateRoom, countSent, moveHead, insertEvent, end *sql.Stmt
}

// sqliteMessage and sqliteWords are the statements that insert a message and its words for searches.
const (
	sqliteMessage = `INSERT INTO messages (room_id, id, sender_id, type, text, reply_to, client_id, created_at,
		text_start, sender_seq, index_version) VALUES (?1, ?2, ?3, 'text', ?4, 0, '', ?5, ?4, ?6, 1)`
	sqliteWords = "INSERT INTO message_words (rowid, words) VALUES (? << 32 | ?, ?)"
)

// openSQLite opens a file for writing as Parley does, with the same durability and checkpoints.
func openSQLite(t testing.TB, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: database}).EscapedPath()+"?"+url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "cache_size(-16000)",
		"wal_autocheckpoint(4000)",
	}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openBareSQLite(t testing.TB, database string) bareDriver {
	t.Helper()
	db := openSQLite(t, database)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	prepare := func(text string) *sql.Stmt {
		statement, err := conn.PrepareContext(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = statement.Close() })
		return statement
	}
	return &bareSQLite{
		begin:         prepare("BEGIN IMMEDIATE"),
		insertMessage: prepare(sqliteMessage),
		insertPlain: prepare(`INSERT INTO messages (room_id, id, sender_id, type, text, reply_to, client_id, created_at)
			VALUES (?, ?, ?, 'text', ?, 0, '', ?)`),
		insertWords: prepare(sqliteWords),
		moveIndex:   prepare(moveIndex),
		updateRoom: prepare(`UPDATE rooms SET message_count = ?, last_message_id = ?, last_message_at = ?, active_at = ?,
			updated_at = ? WHERE id = ?`),
		countSent: prepare(`UPDATE memberships SET sent_count = sent_count + 1, own_count = own_count + 1
			WHERE room_id = ? AND user_id = ?`),
		moveHead: prepare("UPDATE event_head SET position = position + ? WHERE id = 1 RETURNING position"),
		insertEvent: prepare(`INSERT INTO events
			(position, name, everyone, room_id, user_id, peer_id, session_id, message_id, data, created_at)
			VALUES (?, 'message.created', false, ?, ?, 0, '', ?, '', ?)`),
		end: prepare("COMMIT"),
	}
}

func (d *bareSQLite) commit(ctx context.Context, r bareRows, n int) error {
	now := time.Now().UnixMilli()
	if _, err := d.begin.ExecContext(ctx); err != nil {
		return err
	}
	if err := d.insertMessages(ctx, r, n, now); err != nil {
		return err
	}
	last := r.lastID + int64(n)
	if _, err := d.updateRoom.ExecContext(ctx, last, last, now, now, now, r.roomID); err != nil {
		return err
	}
	for i := range n {
		_, sender, _ := r.message(i)
		if _, err := d.countSent.ExecContext(ctx, r.roomID, sender); err != nil {
			return err
		}
	}
	var head int64
	if err := d.moveHead.QueryRowContext(ctx, n).Scan(&head); err != nil {
		return err
	}
	for i := range n {
		id, sender, _ := r.message(i)
		position := head - int64(n) + 1 + int64(i)
		if _, err := d.insertEvent.ExecContext(ctx, position, r.roomID, sender, id, now); err != nil {
			return err
		}
	}
	_, err := d.end.ExecContext(ctx)
	return err
}

func (d *bareSQLite) insertMessages(ctx context.Context, r bareRows, n int, now int64) error {
	for i := range n {
		id, sender, t := r.message(i)
		if !r.searchable {
			if _, err := d.insertPlain.ExecContext(ctx, r.roomID, id, sender, t.text, now); err != nil {
				return err
			}
			continue
		}
		if _, err := d.insertMessage.ExecContext(ctx, r.roomID, id, sender, t.text, now, r.senderSeq(id)); err != nil {
			return err
		}
	}
	return nil
}

// moveIndex is the statement after which the whole log is indexed.
const moveIndex = "UPDATE word_index SET position = (SELECT position FROM event_head)"

func (d *bareSQLite) index(ctx context.Context, r bareRows, n int) error {
	if _, err := d.begin.ExecContext(ctx); err != nil {
		return err
	}
	for i := range n {
		id, _, t := r.message(i)
		if _, err := d.insertWords.ExecContext(ctx, r.roomID, id, roomWords(r.roomID, "·", t.words)); err != nil {
			return err
		}
	}
	if _, err := d.moveIndex.ExecContext(ctx); err != nil {
		return err
	}
	_, err := d.end.ExecContext(ctx)
	return err
}
