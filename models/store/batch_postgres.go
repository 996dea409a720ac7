package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// pipeline sends the statements of a batch in one go and hands their results to read, in their order. One that fails
// takes all after it along.
func (postgresDialect) pipeline(ctx context.Context, conn *sql.Conn, b *pgx.Batch, read func(pgx.BatchResults) error) error {
	return conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection to PostgreSQL of type %T", driverConn)
		}
		results := c.Conn().SendBatch(ctx, b)
		err := read(results)
		if closed := results.Close(); err == nil {
			err = closed
		}
		return err
	})
}

func (postgresDialect) begin(g *groupTx) error {
	_, err := g.conn.ExecContext(g.ctx, "BEGIN")
	return err
}

func (d postgresDialect) takeKeys(g *groupTx, keyed []*send) (map[onceName]bool, error) {
	n := len(keyed)
	callers, paths, keys, fingerprints := make([]int64, n), make([]string, n), make([]string, n), make([]string, n)
	for i, p := range keyed {
		callers[i], paths[i], keys[i], fingerprints[i] = p.once.CallerID, p.once.Path, p.once.Key, p.once.Fingerprint
	}
	b := &pgx.Batch{}
	begins := queueBegin(g, b)
	b.Queue(`INSERT INTO idempotency_keys (caller_id, path, key, fingerprint, created_at)
		SELECT v.*, $5::bigint FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS v `+takeOldKey+
		` RETURNING caller_id, path, key`, callers, paths, keys, fingerprints, models.Now().Millis())
	taken := make(map[onceName]bool, n)
	err := d.pipeline(g.ctx, g.conn, b, func(results pgx.BatchResults) error {
		if err := exec(results, begins); err != nil {
			return err
		}
		found, err := results.Query()
		if err != nil {
			return err
		}
		var name onceName
		_, err = pgx.ForEachRow(found, []any{&name.callerID, &name.path, &name.key}, func() error {
			taken[name] = true
			return nil
		})
		return err
	})
	return taken, err
}

// queueBegin begins the transaction, if it has not begun, together with what it does first.
func queueBegin(g *groupTx, b *pgx.Batch) (statements int) {
	if g.begun {
		return 0
	}
	g.begun = true
	b.Queue("BEGIN")
	return 1
}

// exec takes the results of statements.
func exec(results pgx.BatchResults, statements int) error {
	for range statements {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	return nil
}

func (d postgresDialect) lockPosts(g *groupTx, roomIDs []int64, posts []posting) (map[int64]*roomRow, map[posting]*poster, error) {
	inRooms, users := make([]int64, len(posts)), make([]int64, len(posts))
	for i, p := range posts {
		inRooms[i], users[i] = p.roomID, p.userID
	}
	b := &pgx.Batch{}
	begins := queueBegin(g, b)
	b.Queue(`SELECT id, subject, direct_key, message_count, last_message_id, last_message_at, cleared_id,
		active_at, active_position FROM rooms WHERE id = ANY($1) AND deleted_at = 0 ORDER BY id FOR UPDATE`, roomIDs)
	b.Queue(`SELECT m.room_id, m.user_id, u.username, u.display_name, m.sent_count
		FROM unnest($1::bigint[], $2::bigint[]) AS p (room_id, user_id)
		JOIN memberships m ON m.room_id = p.room_id AND m.user_id = p.user_id JOIN `+liveUsers+` u ON u.id = m.user_id`, inRooms, users)
	rooms, senders := make(map[int64]*roomRow, len(roomIDs)), make(map[posting]*poster, len(posts))
	err := d.pipeline(g.ctx, g.conn, b, func(results pgx.BatchResults) error {
		if err := exec(results, begins); err != nil {
			return err
		}
		if err := readRooms(results, rooms); err != nil {
			return err
		}
		return readSenders(results, senders)
	})
	return rooms, senders, err
}

func readRooms(results pgx.BatchResults, rooms map[int64]*roomRow) error {
	found, err := results.Query()
	if err != nil {
		return err
	}
	var r roomRow
	_, err = pgx.ForEachRow(found, []any{
		&r.ID, &r.Subject, &r.DirectKey, &r.MessageCount, &r.LastMessageID, &r.LastMessageAt, &r.ClearedID,
		&r.ActiveAt, &r.ActivePosition,
	}, func() error {
		one := r
		rooms[r.ID] = &one
		return nil
	})
	return err
}

func readSenders(results pgx.BatchResults, senders map[posting]*poster) error {
	found, err := results.Query()
	if err != nil {
		return err
	}
	var roomID int64
	var s poster
	_, err = pgx.ForEachRow(found, []any{&roomID, &s.ID, &s.Username, &s.DisplayName, &s.sent}, func() error {
		one := s
		senders[posting{roomID, s.ID}] = &one
		return nil
	})
	return err
}

// commitPosts sends all that is left of the transaction in one go, the commit included, so that the head of the log is
// held for as long as the commit takes and no longer. While PostgreSQL itself says what failed before the commit, there
// was none; when the connection breaks, nobody knows.
func (d postgresDialect) commitPosts(g *groupTx, w *posted) (last int64, err error) {
	b := &pgx.Batch{}
	queueMessages(b, w.sends)
	queueSent(b, w)
	before := b.Len()
	queuePostEvents(b, w)
	queueAnswers(b, w.sends)
	after := b.Len() - before - 1
	b.Queue("COMMIT")
	committed := false
	err = d.pipeline(g.ctx, g.conn, b, func(results pgx.BatchResults) error {
		if err := exec(results, before); err != nil {
			return mayBeCommitted(err)
		}
		if err := results.QueryRow().Scan(&last); err != nil {
			return mayBeCommitted(err)
		}
		if err := exec(results, after); err != nil {
			return mayBeCommitted(err)
		}
		tag, err := results.Exec()
		if err == nil && tag.String() != "COMMIT" {
			err = pgx.ErrTxCommitRollback
		}
		if err != nil {
			return errors.Join(errCommit, err)
		}
		committed = true
		return nil
	})
	if committed {
		return last, nil // whatever became of the connection after it: a second try would store the messages twice
	}
	return last, err
}

// mayBeCommitted is the error of a statement after which a commit has been sent, unless it tells that there was none.
func mayBeCommitted(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) || pgconn.SafeToRetry(err) {
		return err
	}
	return errors.Join(errCommit, err)
}

func queueMessages(b *pgx.Batch, sends []*send) {
	n := len(sends)
	roomIDs, ids, senders := make([]int64, n), make([]int64, n), make([]int64, n)
	types, texts, clientIDs := make([]string, n), make([]string, n), make([]string, n)
	replies, times, seqs := make([]int64, n), make([]int64, n), make([]int64, n)
	starts, words := make([]string, n), make([]string, n)
	for i, p := range sends {
		m := &p.sent.Message
		roomIDs[i], ids[i], senders[i] = m.RoomID, m.ID, m.Sender.ID
		types[i], texts[i], clientIDs[i] = string(m.Type), m.Text, m.ClientID
		replies[i], times[i] = m.ReplyTo, m.CreatedAt.Millis()
		starts[i], words[i], seqs[i] = p.start, p.words, p.seq
	}
	b.Queue(`INSERT INTO messages
		(room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, words, sender_seq, index_version)
		SELECT room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start,
		array_to_tsvector(string_to_array(words, ' ')), seq, `+indexVersion+` FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[],
		$5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::bigint[])
		AS v (room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, words, seq)`,
		roomIDs, ids, senders, types, texts, replies, clientIDs, times, starts, words, seqs)
}

// queueSent counts the senders' messages (unread.go).
func queueSent(b *pgx.Batch, w *posted) {
	var rooms, users, counts, cleared []int64
	for p, n := range w.sent {
		rooms, users, counts = append(rooms, p.roomID), append(users, p.userID), append(counts, n)
		cleared = append(cleared, w.rooms[p.roomID].ClearedID)
	}
	b.Queue(`UPDATE memberships m SET sent_count = m.sent_count + v.n, own_after = greatest(m.own_after, v.cleared),
		own_count = CASE WHEN m.own_after < v.cleared THEN 0 ELSE m.own_count END + v.n
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS v (room_id, user_id, n, cleared)
		WHERE m.room_id = v.room_id AND m.user_id = v.user_id`, rooms, users, counts, cleared)
}

// queuePostEvents gives the events their positions and writes them, as append does in change.go, counts the messages in
// their rooms, which are locked already, and answers the last position. Without the head's row it divides by zero, which
// ends the transaction.
func queuePostEvents(b *pgx.Batch, w *posted) {
	n := len(w.sends)
	rooms, users, messages := make([]int64, n), make([]int64, n), make([]int64, n)
	priorSends, priors, priorTimes := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, p := range w.sends {
		rooms[i], users[i], messages[i] = p.roomID, p.callerID, p.sent.Message.ID
		priorSends[i], priors[i], priorTimes[i] = p.priorSend, p.priorPosition, p.priorActiveAt
	}
	var ids, counts, lasts, times, newest []int64
	for _, r := range w.rooms {
		ids, counts, newest = append(ids, r.ID), append(counts, r.MessageCount), append(newest, w.last[r.ID])
		lasts, times = append(lasts, r.LastMessageID), append(times, r.LastMessageAt)
	}
	b.Queue(`WITH head AS (UPDATE event_head SET position = position + $1 WHERE id = 1 RETURNING position, position - $1 AS before),
		logged AS (INSERT INTO events (position, name, everyone, room_id, user_id, peer_id, session_id, message_id, data,
			created_at, prior_position, prior_active_at)
			SELECT head.before + v.n, $2, false, v.room_id, v.user_id, 0, '', v.message_id, '', $3::bigint,
			CASE WHEN v.prior_send > 0 THEN head.before + v.prior_send ELSE v.prior END, v.prior_at FROM head,
			unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
			WITH ORDINALITY AS v (room_id, user_id, message_id, prior_send, prior, prior_at, n)),
		counted AS (UPDATE rooms r SET message_count = v.count, last_message_id = v.last, last_message_at = v.at,
			active_at = v.at, updated_at = v.at, active_position = head.before + v.newest FROM head,
			unnest($10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
			AS v (id, count, last, at, newest) WHERE r.id = v.id)
		SELECT coalesce(max(position), 0) / count(*) FROM head`,
		int64(n), string(models.EventMessageCreated), models.Now().Millis(), rooms, users, messages,
		priorSends, priors, priorTimes, ids, counts, lasts, times, newest)
}

// queueAnswers keeps which messages are answered under Idempotency-Keys. The head's row is this transaction's own by now.
func queueAnswers(b *pgx.Batch, sends []*send) {
	var callers, behind, rooms, messages []int64
	var paths, keys []string
	for i, p := range sends {
		if p.once != nil {
			callers, behind = append(callers, p.once.CallerID), append(behind, int64(len(sends)-1-i))
			paths, keys = append(paths, p.once.Path), append(keys, p.once.Key)
			rooms, messages = append(rooms, p.roomID), append(messages, p.sent.Message.ID)
		}
	}
	if len(keys) == 0 {
		return
	}
	b.Queue(`UPDATE idempotency_keys k SET room_id = v.room_id, message_id = v.message_id, position = h.position - v.behind
		FROM event_head h, unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
		AS v (caller_id, path, key, room_id, message_id, behind)
		WHERE h.id = 1 AND k.caller_id = v.caller_id AND k.path = v.path AND k.key = v.key`,
		callers, paths, keys, rooms, messages, behind)
}

func (postgresDialect) insertEvents(tx *gorm.DB, entries []models.LogEntry, now int64) error {
	n := len(entries)
	positions, rooms, users, peers := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	messages := make([]int64, n)
	names, sessions, data, everyone := make([]string, n), make([]string, n), make([]string, n), make([]bool, n)
	for i, e := range entries {
		a := e.Audience
		positions[i], rooms[i], users[i], peers[i] = e.Position, a.RoomID, a.UserID, a.PeerID
		names[i], sessions[i], everyone[i] = string(e.Name), a.SessionID, a.Everyone
		messages[i], data[i] = e.MessageID, storedData(e)
	}
	_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, `INSERT INTO events
		(position, name, everyone, room_id, user_id, peer_id, session_id, message_id, data, created_at)
		SELECT v.*, $10::bigint FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::bigint[], $5::bigint[], $6::bigint[],
		$7::text[], $8::bigint[], $9::text[]) AS v`,
		positions, names, everyone, rooms, users, peers, sessions, messages, data, now)
	return err
}
