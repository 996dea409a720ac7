package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// on runs f with SQLite's own connection, past database/sql.
func (sqliteDialect) on(conn *sql.Conn, f func(c *sqliteConn) error) error {
	return conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*sqliteConn)
		if !ok {
			return fmt.Errorf("a connection to SQLite of type %T", driverConn)
		}
		return f(c)
	})
}

// begin begins as a writer, as all do.
func (d sqliteDialect) begin(g *groupTx) error {
	return d.on(g.conn, func(c *sqliteConn) error { return c.run("BEGIN IMMEDIATE") })
}

func (d sqliteDialect) takeKeys(g *groupTx, keyed []*send) (map[onceName]bool, error) {
	if err := g.begin(); err != nil {
		return nil, err
	}
	taken := make(map[onceName]bool, len(keyed))
	err := d.on(g.conn, func(c *sqliteConn) error {
		s, err := c.statement(takeKey)
		if err != nil {
			return err
		}
		now := models.Now().Millis()
		for _, p := range keyed {
			var rows int64
			if rows, err = s.change(p.once.CallerID, p.once.Path, p.once.Key, p.once.Fingerprint, now); err != nil {
				break
			}
			taken[nameOf(p.once)] = rows == 1
		}
		return errors.Join(err, s.Close())
	})
	return taken, err
}

func (d sqliteDialect) lockPosts(g *groupTx, roomIDs []int64, posts []posting) (rooms map[int64]*roomRow, senders map[posting]*poster, err error) {
	if err := g.begin(); err != nil {
		return nil, nil, err
	}
	err = d.on(g.conn, func(c *sqliteConn) error {
		if rooms, err = c.readRooms(roomIDs); err == nil {
			senders, err = c.readSenders(posts)
		}
		return err
	})
	return rooms, senders, err
}

func (c *sqliteConn) readRooms(ids []int64) (map[int64]*roomRow, error) {
	rooms := make(map[int64]*roomRow, len(ids))
	err := c.query(`SELECT r.id, r.subject, r.direct_key, r.message_count, r.last_message_id, r.last_message_at, r.cleared_id,
		r.active_at, r.active_position FROM json_each(?) AS j CROSS JOIN `+liveRooms+` r ON r.id = j.value`, func(row []driver.Value) {
		r := &roomRow{
			ID: row[0].(int64), Subject: row[1].(string), MessageCount: row[3].(int64), LastMessageID: row[4].(int64),
			LastMessageAt: row[5].(int64), ClearedID: row[6].(int64), ActiveAt: row[7].(int64), ActivePosition: row[8].(int64),
		}
		if key, direct := row[2].(string); direct {
			r.DirectKey = &key
		}
		rooms[r.ID] = r
	}, jsonList(ids, appendNumber))
	return rooms, err
}

func (c *sqliteConn) readSenders(posts []posting) (map[posting]*poster, error) {
	senders := make(map[posting]*poster, len(posts))
	err := c.query(`SELECT m.room_id, m.user_id, u.username, u.display_name, m.sent_count FROM json_each(?) AS j
		CROSS JOIN memberships m ON m.room_id = j.value ->> 0 AND m.user_id = j.value ->> 1
		CROSS JOIN `+liveUsers+` u ON u.id = m.user_id`, func(row []driver.Value) {
		at := posting{row[0].(int64), row[1].(int64)}
		u := models.UserRef{ID: at.userID, Username: row[2].(string), DisplayName: row[3].(string)}
		senders[at] = &poster{UserRef: u, sent: row[4].(int64)}
	}, jsonList(posts, func(b []byte, p posting) []byte {
		b = strconv.AppendInt(append(b, '['), p.roomID, 10)
		b = strconv.AppendInt(append(b, ','), p.userID, 10)
		return append(b, ']')
	}))
	return senders, err
}

func appendNumber(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// jsonList is how a statement is given a list.
func jsonList[T any](list []T, appendOne func([]byte, T) []byte) string {
	b := []byte{'['}
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOne(b, v)
	}
	return string(append(b, ']'))
}

func (d sqliteDialect) commitPosts(g *groupTx, w *posted) (last int64, err error) {
	err = d.on(g.conn, func(c *sqliteConn) error {
		if last, err = c.storePosts(w, models.Now().Millis()); err != nil {
			return err
		}
		if err := c.run("COMMIT"); err != nil {
			return errors.Join(errCommit, err)
		}
		return nil
	})
	return last, err
}

func (c *sqliteConn) storePosts(w *posted, now int64) (last int64, err error) {
	if err := c.insertMessages(w.sends); err != nil {
		return 0, err
	}
	if err := c.countSent(w); err != nil {
		return 0, err
	}
	n := int64(len(w.sends))
	err = c.query("UPDATE event_head SET position = position + ? WHERE id = 1 RETURNING position", func(row []driver.Value) {
		last = row[0].(int64)
	}, n)
	if err != nil {
		return 0, err
	}
	if last < n {
		return 0, errNoHead
	}
	if err := c.insertPostEvents(w.sends, last-n+1, now); err != nil {
		return 0, err
	}
	if err := c.updateRooms(w, last-n); err != nil {
		return 0, err
	}
	return last, c.keepAnswers(w.sends, last-n+1)
}

func (c *sqliteConn) insertMessages(sends []*send) error {
	message, err := c.statement(`INSERT INTO messages
		(room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, sender_seq, index_version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ` + indexVersion + `)`)
	if err != nil {
		return err
	}
	words, err := c.statement(insertWords)
	if err != nil {
		return errors.Join(err, message.Close())
	}
	for _, p := range sends {
		m := &p.sent.Message
		err = message.run(m.RoomID, m.ID, m.Sender.ID, string(m.Type), m.Text, m.ReplyTo, m.ClientID, m.CreatedAt.Millis(),
			p.start, p.seq)
		if err == nil && p.words != "" {
			err = words.run(wordsRow(m.RoomID, m.ID), p.words)
		}
		if err != nil {
			break
		}
	}
	return errors.Join(err, message.Close(), words.Close())
}

// updateRooms counts the messages, whose events come after a position.
func (c *sqliteConn) updateRooms(w *posted, after int64) error {
	s, err := c.statement(`UPDATE rooms SET message_count = ?1, last_message_id = ?2, last_message_at = ?3, active_at = ?3,
		updated_at = ?3, active_position = ?4 WHERE id = ?5`)
	if err != nil {
		return err
	}
	for _, r := range w.rooms {
		if err = s.run(r.MessageCount, r.LastMessageID, r.LastMessageAt, after+w.last[r.ID], r.ID); err != nil {
			break
		}
	}
	return errors.Join(err, s.Close())
}

// countSent counts the senders' messages (unread.go).
func (c *sqliteConn) countSent(w *posted) error {
	s, err := c.statement(`UPDATE memberships SET sent_count = sent_count + ?1, own_after = max(own_after, ?2),
		own_count = CASE WHEN own_after < ?2 THEN 0 ELSE own_count END + ?1 WHERE room_id = ?3 AND user_id = ?4`)
	if err != nil {
		return err
	}
	for p, n := range w.sent {
		if err = s.run(n, w.rooms[p.roomID].ClearedID, p.roomID, p.userID); err != nil {
			break
		}
	}
	return errors.Join(err, s.Close())
}

func (c *sqliteConn) insertPostEvents(sends []*send, first, now int64) error {
	s, err := c.statement(`INSERT INTO events
		(position, name, everyone, room_id, user_id, peer_id, session_id, message_id, data, created_at, prior_position, prior_active_at)
		VALUES (?, '` + string(models.EventMessageCreated) + `', false, ?, ?, 0, '', ?, '', ?, ?, ?)`)
	if err != nil {
		return err
	}
	for i, p := range sends {
		prior := p.priorPosition
		if p.priorSend > 0 {
			prior = first + p.priorSend - 1
		}
		if err = s.run(first+int64(i), p.roomID, p.callerID, p.sent.Message.ID, now, prior, p.priorActiveAt); err != nil {
			break
		}
	}
	return errors.Join(err, s.Close())
}

// keepAnswers keeps which messages are answered under Idempotency-Keys.
func (c *sqliteConn) keepAnswers(sends []*send, first int64) error {
	for i, p := range sends {
		if p.once == nil {
			continue
		}
		err := c.run(`UPDATE idempotency_keys SET room_id = ?, message_id = ?, position = ?
			WHERE caller_id = ? AND path = ? AND key = ?`,
			p.roomID, p.sent.Message.ID, first+int64(i), p.once.CallerID, p.once.Path, p.once.Key)
		if err != nil {
			return err
		}
	}
	return nil
}

func (sqliteDialect) insertEvents(tx *gorm.DB, entries []models.LogEntry, now int64) error {
	for _, e := range entries {
		a := e.Audience
		_, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, `INSERT INTO events
			(position, name, everyone, room_id, user_id, peer_id, session_id, message_id, data, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			e.Position, string(e.Name), a.Everyone, a.RoomID, a.UserID, a.PeerID, a.SessionID, e.MessageID, storedData(e), now)
		if err != nil {
			return err
		}
	}
	return nil
}
