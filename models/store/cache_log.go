package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// Where other nodes write to the database, the cache follows the log, by no clock and no goroutine: each request reads
// where the log ends, together with the events that the cache does not have yet, in one statement for all requests
// that wait at that moment. That is why what the cache returns is right on every node, at once:
//
//  1. Whatever makes an entry out of date is in the log, appended by the same transaction, where its writer is of
//     this version: see membersLife for those before it. Positions have no gaps and are in the order of the commits,
//     because the head row is locked until the commit (appendEvents). So whoever sees the head at a position sees all
//     events up to it, and all changes that they report.
//  2. The statement of a request begins after the request. A change that was acknowledged before, by any node, is
//     therefore at or before the head that it finds, and its event has been applied when the request looks into the
//     cache: an entry that it finds then is as new as that head, or was read even later.
//  3. An entry is kept only if nothing was invalidated since before it was read (putCached). What was invalidated
//     before that was in the database when it was read; what comes later finds the entry and removes it.
//  4. A node that cannot read the log has no position, and its requests fail as all do that need the database.
//     Otherwise, nothing depends on how far the streams of this node are.
//
// A node that has not looked for long, or that finds the log pruned or older than it was, forgets everything.

// membersLife is how long memberships are cached. Versions before this one, which may write to the same database during
// an upgrade, change names and end blocks without an event.
const membersLife = time.Minute

// maxFollowed bounds the events that are read to bring the cache up to date. After more, it is emptied.
const maxFollowed = 1000

// newEvents reads where the log ends, and the events after a position, whose value is hidden from PostgreSQL's planner,
// so that it makes one plan for all. The inner LIMIT has it read the end of the index.
var newEvents = fmt.Sprintf(`SELECT h.position, h.pruned,
	COALESCE(e.name, ''), COALESCE(e.room_id, 0), COALESCE(e.user_id, 0), COALESCE(e.session_id, '')
	FROM event_head h LEFT JOIN (
		SELECT name, room_id, user_id, session_id FROM events WHERE position > (SELECT CAST($1 AS BIGINT))
		ORDER BY position LIMIT %d
	) e ON e.name NOT IN (%s) WHERE h.id = 1`, maxFollowed, quotedNames(harmlessEvents))

func quotedNames(names []models.EventName) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = "'" + string(name) + "'"
	}
	return strings.Join(quoted, ", ")
}

// readPoint returns a position that includes everything that was committed before the request of ctx came, and to which
// the cache has been brought.
func (s *Store) readPoint(ctx context.Context) (int64, error) {
	if s.cache.alone {
		return s.head.Load(), nil
	}
	if position, current := models.ReadPointOf(ctx).Get(); current {
		return position, nil
	}
	return s.newReadPoint(ctx)
}

// newReadPoint is readPoint for everything that was committed before this call.
func (s *Store) newReadPoint(ctx context.Context) (int64, error) {
	if s.cache.alone {
		return s.head.Load(), nil
	}
	began := time.Now()
	b, _, err := s.bounds.get(ctx, struct{}{})
	if err == nil {
		models.ReadPointOf(ctx).Set(b.head, began)
	}
	return b.head, err
}

// loadBounds reads the bounds of the log, and brings a cache to its end that is not told of all commits.
func (s *Store) loadBounds(ctx context.Context, asked []struct{}) (map[struct{}]logBounds, error) {
	load := s.followLog
	if s.cache.alone {
		load = s.readBounds
	}
	b, err := load(ctx)
	return map[struct{}]logBounds{asked[0]: b}, err
}

// followLog brings the cache to the end of the log, and returns the log's bounds.
func (s *Store) followLog(ctx context.Context) (logBounds, error) {
	after := s.cache.followed()
	var b logBounds
	var e models.LogEntry
	var events []models.LogEntry
	rows := database.QueryContext(ctx, s.reader, newEvents, after)
	err := rows.Each(func() {
		if e.Name != "" {
			events = append(events, e)
		}
	}, &b.head, &b.pruned, &e.Name, &e.Audience.RoomID, &e.Audience.UserID, &e.Audience.SessionID)
	if err == nil {
		s.cache.follow(after, b, events, time.Now())
	}
	return b, err
}

func (c *cache) followed() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.position
}

// follow applies the events that were read after a position and up to the end of the log. Two reads may overlap and end
// in either order: what is applied twice does no harm, and the one that ends last with the older end empties the cache.
func (c *cache) follow(after int64, log logBounds, events []models.LogEntry, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gap := log.head < c.position || log.pruned > after || log.head-after > maxFollowed
	if gap {
		c.purge()
	}
	old := now.Sub(c.membersSince) >= membersLife
	if old {
		c.members.Purge()
		c.membersSince = now
	}
	if gap || old || len(events) > 0 {
		c.invalidations++
	}
	for _, e := range events {
		c.invalidate(e)
	}
	c.position = log.head
}
