package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// withConn runs f with SQLite's own connection, past database/sql.
func withConn(conn *sql.Conn, f func(c *sqliteConn) error) error {
	return conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*sqliteConn)
		if !ok {
			return fmt.Errorf("unexpected type of a SQLite connection: %T", driverConn)
		}
		return f(c)
	})
}

// Begin begins the transaction as a writer, as all transactions do.
func (Dialect) Begin(t *database.ConnTx) error {
	if t.Begun {
		return nil
	}
	t.Begun = true
	return withConn(t.Conn, func(c *sqliteConn) error { return c.run("BEGIN IMMEDIATE") })
}

// ClaimKeys implements [database.SendDriver].
func (d Dialect) ClaimKeys(
	t *database.ConnTx, keys []*models.IdempotentCall,
) (map[database.IdempotencyKey]bool, error) {
	if err := d.Begin(t); err != nil {
		return nil, err
	}
	claimed := make(map[database.IdempotencyKey]bool, len(keys))
	err := withConn(t.Conn, func(c *sqliteConn) error {
		s, err := c.statement(database.ClaimKey)
		if err != nil {
			return err
		}
		now := models.Now().Millis()
		for _, k := range keys {
			var rows int64
			if rows, err = s.change(k.CallerID, k.Path, k.Key, k.Fingerprint, now); err != nil {
				break
			}
			claimed[database.KeyOf(k)] = rows == 1
		}
		return errors.Join(err, s.Close())
	})
	return claimed, err
}

// LockRooms implements [database.SendDriver]. The one writer needs no locks.
func (d Dialect) LockRooms(
	t *database.ConnTx, roomIDs []int64, keys []database.MembershipKey,
) (rooms map[int64]*database.Room, senders map[database.MembershipKey]*database.Sender, err error) {
	if err := d.Begin(t); err != nil {
		return nil, nil, err
	}
	err = withConn(t.Conn, func(c *sqliteConn) error {
		if rooms, err = c.readRooms(roomIDs); err == nil {
			senders, err = c.readSenders(keys)
		}
		return err
	})
	return rooms, senders, err
}

func (c *sqliteConn) readRooms(ids []int64) (map[int64]*database.Room, error) {
	rooms := make(map[int64]*database.Room, len(ids))
	err := c.query(`SELECT r.id, r.subject, r.direct_key, r.message_count, r.last_message_id, r.last_message_at,
		r.cleared_id, r.active_at, r.active_position
		FROM json_each(?) AS j CROSS JOIN rooms r ON r.id = j.value AND r.deleted_at = 0`, func(row []driver.Value) {
		r := &database.Room{
			ID: row[0].(int64), Subject: row[1].(string), MessageCount: row[3].(int64), LastMessageID: row[4].(int64),
			LastMessageAt: row[5].(int64), ClearedID: row[6].(int64), ActiveAt: row[7].(int64), ActivePosition: row[8].(int64),
		}
		if key, direct := row[2].(string); direct {
			r.DirectKey = &key
		}
		rooms[r.ID] = r
	}, database.JSONIDs(ids))
	return rooms, err
}

func (c *sqliteConn) readSenders(keys []database.MembershipKey) (map[database.MembershipKey]*database.Sender, error) {
	senders := make(map[database.MembershipKey]*database.Sender, len(keys))
	pairs := make([][2]int64, len(keys))
	for i, k := range keys {
		pairs[i] = [2]int64{k.RoomID, k.UserID}
	}
	err := c.query(`SELECT m.room_id, m.user_id, u.username, u.display_name, m.sent_count FROM json_each(?) AS j
		CROSS JOIN memberships m ON m.room_id = j.value ->> 0 AND m.user_id = j.value ->> 1
		CROSS JOIN users u ON u.id = m.user_id AND u.deleted_at = 0`, func(row []driver.Value) {
		key := database.MembershipKey{RoomID: row[0].(int64), UserID: row[1].(int64)}
		user := models.UserRef{ID: key.UserID, Username: row[2].(string), DisplayName: row[3].(string)}
		senders[key] = &database.Sender{UserRef: user, SentCount: row[4].(int64)}
	}, database.JSONPairs(pairs))
	return senders, err
}

// CommitBatch implements [database.SendDriver].
func (Dialect) CommitBatch(t *database.ConnTx, b *database.Batch) (last int64, err error) {
	err = withConn(t.Conn, func(c *sqliteConn) error {
		if last, err = c.storeBatch(b, models.Now().Millis()); err != nil {
			return err
		}
		if err := c.run("COMMIT"); err != nil {
			return errors.Join(database.ErrCommit, err)
		}
		return nil
	})
	return last, err
}

func (c *sqliteConn) storeBatch(b *database.Batch, now int64) (last int64, err error) {
	if err := c.insertMessages(b.Posts); err != nil {
		return 0, err
	}
	if err := c.countSent(b); err != nil {
		return 0, err
	}
	n := int64(len(b.Posts))
	err = c.query("UPDATE event_head SET position = position + ? WHERE id = 1 RETURNING position",
		func(row []driver.Value) {
			last = row[0].(int64)
		}, n)
	if err != nil {
		return 0, err
	}
	if last < n {
		return 0, database.ErrNoHead
	}
	if err := c.insertMessageEvents(b.Posts, last-n+1, now); err != nil {
		return 0, err
	}
	if err := c.updateRooms(b, last-n); err != nil {
		return 0, err
	}
	return last, c.storeResponses(b.Posts, last-n+1)
}

// updateRooms counts the messages, whose events come after a position.
func (c *sqliteConn) updateRooms(b *database.Batch, after int64) error {
	s, err := c.statement(`UPDATE rooms SET message_count = ?1, last_message_id = ?2, last_message_at = ?3, active_at = ?3,
		updated_at = ?3, active_position = ?4 WHERE id = ?5`)
	if err != nil {
		return err
	}
	for _, r := range b.Rooms {
		if err = s.run(r.MessageCount, r.LastMessageID, r.LastMessageAt, after+b.LastPost[r.ID], r.ID); err != nil {
			break
		}
	}
	return errors.Join(err, s.Close())
}

// countSent counts the senders' messages, for the unread counts.
func (c *sqliteConn) countSent(b *database.Batch) error {
	s, err := c.statement(`UPDATE memberships SET sent_count = sent_count + ?1, own_after = max(own_after, ?2),
		own_count = CASE WHEN own_after < ?2 THEN 0 ELSE own_count END + ?1 WHERE room_id = ?3 AND user_id = ?4`)
	if err != nil {
		return err
	}
	for key, n := range b.Sent {
		if err = s.run(n, b.Rooms[key.RoomID].ClearedID, key.RoomID, key.UserID); err != nil {
			break
		}
	}
	return errors.Join(err, s.Close())
}

func (c *sqliteConn) insertMessageEvents(posts []*database.Post, first, now int64) error {
	s, err := c.statement(`INSERT INTO events (position, name, everyone, room_id, user_id, peer_id, session_id, message_id,
		data, created_at, prior_position, prior_active_at)
		VALUES (?, '` + string(models.EventMessageCreated) + `', false, ?, ?, 0, '', ?, '', ?, ?, ?)`)
	if err != nil {
		return err
	}
	for i, p := range posts {
		prior := p.PriorPosition
		if p.PriorPost > 0 {
			prior = first + p.PriorPost - 1
		}
		m := p.Message
		if err = s.run(first+int64(i), m.RoomID, m.Sender.ID, m.ID, now, prior, p.PriorActiveAt); err != nil {
			break
		}
	}
	return errors.Join(err, s.Close())
}

// storeResponses stores which messages the calls with an Idempotency-Key have created.
func (c *sqliteConn) storeResponses(posts []*database.Post, first int64) error {
	for i, p := range posts {
		if p.Key == nil {
			continue
		}
		err := c.run(`UPDATE idempotency_keys SET room_id = ?, message_id = ?, position = ?
			WHERE caller_id = ? AND path = ? AND key = ?`,
			p.Message.RoomID, p.Message.ID, first+int64(i), p.Key.CallerID, p.Key.Path, p.Key.Key)
		if err != nil {
			return err
		}
	}
	return nil
}

// InsertEvents implements [database.SendDriver].
func (Dialect) InsertEvents(tx *gorm.DB, entries []models.LogEntry, now int64) error {
	for _, e := range entries {
		a := e.Audience
		err := database.ExecDirect(tx, `INSERT INTO events
			(position, name, everyone, room_id, user_id, peer_id, session_id, message_id, data, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			e.Position, string(e.Name), a.Everyone, a.RoomID, a.UserID, a.PeerID, a.SessionID, e.MessageID,
			database.StoredData(e), now)
		if err != nil {
			return err
		}
	}
	return nil
}
