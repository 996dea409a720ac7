package bench

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// barePostgres writes to PostgreSQL over one connection, many rows with each statement, since each is a round trip. The
// driver prepares a statement when it is used first.
type barePostgres struct{ db *sql.DB }

func openPostgres(t testing.TB, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openBarePostgres(t testing.TB, database string) bareDriver {
	t.Helper()
	db := openPostgres(t, database)
	db.SetMaxOpenConns(1)
	return barePostgres{db}
}

func (d barePostgres) commit(ctx context.Context, r bareRows, n int) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := d.write(ctx, tx, r, n); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// postgresPlain and postgresSearchable are the statements that insert messages without and with the index for searches.
const (
	postgresPlain = `INSERT INTO messages (room_id, id, sender_id, type, text, reply_to, client_id, created_at)
		SELECT v.room, v.id, v.sender, 'text', v.text, 0, '', v.at
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[]) AS v (room, id, sender, at, text)`
	postgresSearchable = `INSERT INTO messages (room_id, id, sender_id, type, text, reply_to, client_id, created_at,
		text_start, sender_seq, index_version)
		SELECT v.room, v.id, v.sender, 'text', v.text, 0, '', v.at, v.text, v.seq, 1
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])
		AS v (room, id, sender, at, text, seq)`
	postgresWords = `INSERT INTO message_words (room_id, id, sender_id, created_at, words)
		SELECT v.room, v.id, v.sender, v.at, array_to_tsvector(string_to_array(v.words, ' '))
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[]) AS v (room, id, sender, at, words)`
)

func (d barePostgres) index(ctx context.Context, r bareRows, n int) error {
	rooms, ids, senders, times := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	words, now := make([]string, n), time.Now().UnixMilli()
	for i := range n {
		var t bareText
		ids[i], senders[i], t = r.message(i)
		rooms[i], times[i], words[i] = r.roomID, now, roomWords(r.roomID, "/", t.words)
	}
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, postgresWords, rooms, ids, senders, times, words)
	if err == nil {
		_, err = tx.ExecContext(ctx, moveIndex)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// roomWords returns the words of a message as they are in the index, each after its room's id and a mark.
func roomWords(roomID int64, mark string, words []string) string {
	room := strconv.FormatInt(roomID, 10) + mark
	return room + strings.Join(words, " "+room)
}

func (barePostgres) write(ctx context.Context, tx *sql.Tx, r bareRows, n int) error {
	now := time.Now().UnixMilli()
	rooms, ids, senders, times := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	positions, seqs := make([]int64, n), make([]int64, n)
	texts := make([]string, n)
	for i := range n {
		var t bareText
		ids[i], senders[i], t = r.message(i)
		seqs[i] = r.senderSeq(ids[i])
		rooms[i], times[i], texts[i] = r.roomID, now, t.text
	}
	insert, args := postgresPlain, []any{rooms, ids, senders, times, texts}
	if r.searchable {
		insert, args = postgresSearchable, append(args, seqs)
	}
	if _, err := tx.ExecContext(ctx, insert, args...); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE rooms SET message_count = $1, last_message_id = $1, last_message_at = $2,
		active_at = $2, updated_at = $2 WHERE id = $3`, r.lastID+int64(n), now, r.roomID)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE memberships m SET sent_count = m.sent_count + v.n, own_count = m.own_count + v.n
		FROM (SELECT id, count(*) AS n FROM unnest($2::bigint[]) AS s (id) GROUP BY id) AS v
		WHERE m.room_id = $1 AND m.user_id = v.id`, r.roomID, senders)
	if err != nil {
		return err
	}
	var head int64
	err = tx.QueryRowContext(ctx, "UPDATE event_head SET position = position + $1 WHERE id = 1 RETURNING position", n).
		Scan(&head)
	if err != nil {
		return err
	}
	for i := range n {
		positions[i] = head - int64(n) + 1 + int64(i)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO events
		(position, name, everyone, room_id, user_id, peer_id, session_id, message_id, data, created_at)
		SELECT v.position, 'message.created', false, $1::bigint, v.sender, 0, '', v.id, '', $2::bigint
		FROM unnest($3::bigint[], $4::bigint[], $5::bigint[]) AS v (position, sender, id)`,
		r.roomID, now, positions, senders, ids)
	return err
}
