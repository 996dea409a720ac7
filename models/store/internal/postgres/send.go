package postgres

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
	"github.com/parley-chat/parley/models/store/internal/database"
)

// pipeline sends the statements of a batch in one round trip and hands their results to read, in their order. When one
// fails, all after it fail too.
func pipeline(ctx context.Context, conn *sql.Conn, b *pgx.Batch, read func(pgx.BatchResults) error) error {
	return conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("unexpected type of a PostgreSQL connection: %T", driverConn)
		}
		results := c.Conn().SendBatch(ctx, b)
		err := read(results)
		if closed := results.Close(); err == nil {
			err = closed
		}
		return err
	})
}

// Begin implements [database.SendDriver].
func (Dialect) Begin(t *database.ConnTx) error {
	if t.Begun {
		return nil
	}
	t.Begun = true
	_, err := t.Conn.ExecContext(t.Ctx, "BEGIN")
	return err
}

// ClaimKeys implements [database.SendDriver].
func (Dialect) ClaimKeys(t *database.ConnTx, keys []*models.IdempotentCall) (map[database.IdempotencyKey]bool, error) {
	n := len(keys)
	callers, paths, names, fingerprints := make([]int64, n), make([]string, n), make([]string, n), make([]string, n)
	for i, k := range keys {
		callers[i], paths[i], names[i], fingerprints[i] = k.CallerID, k.Path, k.Key, k.Fingerprint
	}
	b := &pgx.Batch{}
	begins := queueBegin(t, b)
	b.Queue(`INSERT INTO idempotency_keys (caller_id, path, key, fingerprint, created_at)
		SELECT v.*, $5::bigint FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS v `+database.ClaimExpiredKey+
		` RETURNING caller_id, path, key`, callers, paths, names, fingerprints, models.Now().Millis())
	claimed := make(map[database.IdempotencyKey]bool, n)
	err := pipeline(t.Ctx, t.Conn, b, func(results pgx.BatchResults) error {
		if err := exec(results, begins); err != nil {
			return err
		}
		rows, err := results.Query()
		if err != nil {
			return err
		}
		var k database.IdempotencyKey
		_, err = pgx.ForEachRow(rows, []any{&k.CallerID, &k.Path, &k.Key}, func() error {
			claimed[k] = true
			return nil
		})
		return err
	})
	return claimed, err
}

// queueBegin begins the transaction, if it has not begun, together with what it does first.
func queueBegin(t *database.ConnTx, b *pgx.Batch) (statements int) {
	if t.Begun {
		return 0
	}
	t.Begun = true
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

// LockRooms implements [database.SendDriver].
func (Dialect) LockRooms(
	t *database.ConnTx, roomIDs []int64, keys []database.MembershipKey,
) (map[int64]*database.Room, map[database.MembershipKey]*database.Sender, error) {
	inRooms, users := make([]int64, len(keys)), make([]int64, len(keys))
	for i, k := range keys {
		inRooms[i], users[i] = k.RoomID, k.UserID
	}
	b := &pgx.Batch{}
	begins := queueBegin(t, b)
	b.Queue(`SELECT id, subject, direct_key, message_count, last_message_id, last_message_at, cleared_id,
		active_at, active_position FROM rooms WHERE id = ANY($1) AND deleted_at = 0 ORDER BY id FOR UPDATE`, roomIDs)
	b.Queue(`SELECT m.room_id, m.user_id, u.username, u.display_name, m.sent_count
		FROM unnest($1::bigint[], $2::bigint[]) AS p (room_id, user_id)
		JOIN memberships m ON m.room_id = p.room_id AND m.user_id = p.user_id
		JOIN users u ON u.id = m.user_id AND u.deleted_at = 0`, inRooms, users)
	rooms := make(map[int64]*database.Room, len(roomIDs))
	senders := make(map[database.MembershipKey]*database.Sender, len(keys))
	err := pipeline(t.Ctx, t.Conn, b, func(results pgx.BatchResults) error {
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

func readRooms(results pgx.BatchResults, rooms map[int64]*database.Room) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	var r database.Room
	_, err = pgx.ForEachRow(rows, []any{
		&r.ID, &r.Subject, &r.DirectKey, &r.MessageCount, &r.LastMessageID, &r.LastMessageAt, &r.ClearedID,
		&r.ActiveAt, &r.ActivePosition,
	}, func() error {
		room := r
		rooms[r.ID] = &room
		return nil
	})
	return err
}

func readSenders(results pgx.BatchResults, senders map[database.MembershipKey]*database.Sender) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	var roomID int64
	var s database.Sender
	_, err = pgx.ForEachRow(rows, []any{&roomID, &s.ID, &s.Username, &s.DisplayName, &s.SentCount}, func() error {
		sender := s
		senders[database.MembershipKey{RoomID: roomID, UserID: s.ID}] = &sender
		return nil
	})
	return err
}

// CommitBatch implements [database.SendDriver]. It sends all that is left of the transaction in one round trip, the
// COMMIT included, so that the head row of the log is locked for as long as the commit takes and no longer. While
// PostgreSQL itself reports what failed before the commit, there was none; when the connection breaks, that is not
// known.
func (Dialect) CommitBatch(t *database.ConnTx, w *database.Batch) (last int64, err error) {
	b := &pgx.Batch{}
	queueMessages(b, w.Posts)
	queueSentCounts(b, w)
	before := b.Len()
	queueMessageEvents(b, w)
	queueResponses(b, w.Posts)
	after := b.Len() - before - 1
	b.Queue("COMMIT")
	committed := false
	err = pipeline(t.Ctx, t.Conn, b, func(results pgx.BatchResults) error {
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
			return errors.Join(database.ErrCommit, err)
		}
		committed = true
		return nil
	})
	if committed {
		return last, nil // whatever happened to the connection after it: a second try would store the messages twice
	}
	return last, err
}

// mayBeCommitted marks the error of a statement after which a commit was sent, unless the error says that there was
// none.
func mayBeCommitted(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) || pgconn.SafeToRetry(err) {
		return err
	}
	return errors.Join(database.ErrCommit, err)
}

// queueSentCounts counts the senders' messages, for the unread counts.
func queueSentCounts(b *pgx.Batch, w *database.Batch) {
	var rooms, users, counts, cleared []int64
	for p, n := range w.Sent {
		rooms, users, counts = append(rooms, p.RoomID), append(users, p.UserID), append(counts, n)
		cleared = append(cleared, w.Rooms[p.RoomID].ClearedID)
	}
	b.Queue(`UPDATE memberships m SET sent_count = m.sent_count + v.n, own_after = greatest(m.own_after, v.cleared),
		own_count = CASE WHEN m.own_after < v.cleared THEN 0 ELSE m.own_count END + v.n
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS v (room_id, user_id, n, cleared)
		WHERE m.room_id = v.room_id AND m.user_id = v.user_id`, rooms, users, counts, cleared)
}

// queueMessageEvents gives the events their positions and writes them, as the store does for other events, counts the
// messages in their rooms, which are locked already, and returns the last position. Without the head row it divides by
// zero, which ends the transaction.
func queueMessageEvents(b *pgx.Batch, w *database.Batch) {
	n := len(w.Posts)
	rooms, users, messages := make([]int64, n), make([]int64, n), make([]int64, n)
	priorPosts, priors, priorTimes := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, p := range w.Posts {
		rooms[i], users[i], messages[i] = p.Message.RoomID, p.Message.Sender.ID, p.Message.ID
		priorPosts[i], priors[i], priorTimes[i] = p.PriorPost, p.PriorPosition, p.PriorActiveAt
	}
	var ids, counts, lasts, times, newest []int64
	for _, r := range w.Rooms {
		ids, counts, newest = append(ids, r.ID), append(counts, r.MessageCount), append(newest, w.LastPost[r.ID])
		lasts, times = append(lasts, r.LastMessageID), append(times, r.LastMessageAt)
	}
	b.Queue(`WITH head AS (UPDATE event_head SET position = position + $1 WHERE id = 1
			RETURNING position, position - $1 AS before),
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
		priorPosts, priors, priorTimes, ids, counts, lasts, times, newest)
}

// queueResponses stores which messages the calls with an Idempotency-Key have created. This transaction holds the head
// row by now.
func queueResponses(b *pgx.Batch, posts []*database.Post) {
	var callers, behind, rooms, messages []int64
	var paths, keys []string
	for i, p := range posts {
		if p.Key != nil {
			callers, behind = append(callers, p.Key.CallerID), append(behind, int64(len(posts)-1-i))
			paths, keys = append(paths, p.Key.Path), append(keys, p.Key.Key)
			rooms, messages = append(rooms, p.Message.RoomID), append(messages, p.Message.ID)
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

// InsertEvents implements [database.SendDriver].
func (Dialect) InsertEvents(tx *gorm.DB, entries []models.LogEntry, now int64) error {
	n := len(entries)
	positions, rooms, users, peers := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	messages := make([]int64, n)
	names, sessions, data, everyone := make([]string, n), make([]string, n), make([]string, n), make([]bool, n)
	for i, e := range entries {
		a := e.Audience
		positions[i], rooms[i], users[i], peers[i] = e.Position, a.RoomID, a.UserID, a.PeerID
		names[i], sessions[i], everyone[i] = string(e.Name), a.SessionID, a.Everyone
		messages[i], data[i] = e.MessageID, database.StoredData(e)
	}
	return database.ExecDirect(tx, `INSERT INTO events
		(position, name, everyone, room_id, user_id, peer_id, session_id, message_id, data, created_at)
		SELECT v.*, $10::bigint FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::bigint[], $5::bigint[], $6::bigint[],
		$7::text[], $8::bigint[], $9::text[]) AS v`,
		positions, names, everyone, rooms, users, peers, sessions, messages, data, now)
}
