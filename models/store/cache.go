package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// The most entries of each kind in the cache: a few megabytes.
const (
	maxCachedSessions = 1 << 14
	maxCachedMembers  = 1 << 15
)

// cache holds what almost every request asks for, so that the database is not asked each time: which sessions are
// valid, and who is a member of which room. It is never out of date: an entry is used only by requests that know it to
// be as new as they are.
//
// It holds only what exists, never what does not: a user who joins or logs in is found at once. What ends, or changes,
// is reported by an event in the transaction that ends it. There are two ways in which the cache learns of it:
//
//   - Where this process is alone with the database, what the events end is removed before the call that made them
//     returns (beginUpdate). From before the commit until then the cache returns nothing, and does not keep what was
//     read before.
//   - Where other nodes write too, each request first brings the cache to the end of the log (readPoint). See
//     cache_log.go for why that is enough.
type cache struct {
	mu            sync.Mutex
	alone         bool      // no other process writes to the database
	position      int64     // up to where the log has been followed; only used where others write
	membersSince  time.Time // when the memberships were last emptied for their age; likewise
	invalidations uint64    // how often something was invalidated
	updating      int       // transactions that may have been committed, but have not invalidated anything yet
	sessions      *simplelru.LRU[string, database.Session]
	members       *simplelru.LRU[database.MembershipKey, database.Member]
}

func newCache(alone bool) *cache {
	c := &cache{alone: alone}
	var errs [2]error // of a size that is not positive
	c.sessions, errs[0] = simplelru.NewLRU[string, database.Session](maxCachedSessions, nil)
	c.members, errs[1] = simplelru.NewLRU[database.MembershipKey, database.Member](maxCachedMembers, nil)
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
	return c
}

// getCached returns the entry of list under key. since is for putCached, with what is loaded when there is no entry.
func getCached[K comparable, V any](c *cache, list *simplelru.LRU[K, V], key K) (value V, known bool, since uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.updating == 0 {
		value, known = list.Get(key)
	}
	return value, known, c.invalidations
}

// putCached keeps what was loaded after since, unless something was invalidated meanwhile: it may have been this entry.
func putCached[K comparable, V any](c *cache, list *simplelru.LRU[K, V], key K, value V, since uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.updating == 0 && c.invalidations == since {
		list.Add(key, value)
	}
}

// beginUpdate is called when only the commit of a transaction is left, and the returned function when the transaction
// has ended, in success or failure. A transaction that changes nothing that is cached pays nothing.
func (c *cache) beginUpdate(events []pendingEvent) (end func()) {
	if !c.alone || !slices.ContainsFunc(events, func(e pendingEvent) bool { return invalidatesCache(e.Name) }) {
		return func() {}
	}
	c.mu.Lock()
	c.updating++
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.updating--
		c.invalidations++
		for _, e := range events {
			c.invalidate(e.LogEntry)
		}
	}
}

// harmlessEvents are those after which no cached entry is out of date.
var harmlessEvents = []models.EventName{
	models.EventMessageCreated, models.EventMessageEdited, models.EventMessageDeleted, models.EventMessageRead,
	models.EventReactionAdded, models.EventReactionRemoved, models.EventPinAdded, models.EventPinRemoved,
	models.EventContactAdded, models.EventContactRemoved, models.EventPresenceUpdate, models.EventPresenceRequest,
	models.EventRoomCreated, models.EventRoomUpdated, models.EventMemberJoined, models.EventMemberUpdated,
}

// invalidatesCache reports whether cached entries may be out of date after an event of that name.
func invalidatesCache(name models.EventName) bool { return !slices.Contains(harmlessEvents, name) }

// invalidate removes what is out of date after e, and everything after an event that it does not know.
func (c *cache) invalidate(e models.LogEntry) {
	switch {
	case !invalidatesCache(e.Name):
	case e.Name == models.EventSessionRevoked:
		c.sessions.Remove(e.Audience.SessionID)
	case e.Name == models.EventMemberLeft, e.Name == models.EventMemberBanned:
		c.members.Remove(database.MembershipKey{RoomID: e.Audience.RoomID, UserID: e.Audience.UserID})
	case e.Name == models.EventRoomDeleted, e.Name == models.EventHistoryCleared, e.Name == models.EventNamesChanged,
		e.Name == models.EventBlockAdded, e.Name == models.EventBlockRemoved:
		c.members.Purge()
	default:
		c.purge()
	}
}

func (c *cache) purge() {
	c.sessions.Purge()
	c.members.Purge()
}

// touchSessions sets when cached sessions were last used, which changes nothing of what they allow.
func (c *cache) touchSessions(ids []string, used map[string]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if row, known := c.sessions.Peek(id); known {
			row.LastUsedAt = max(row.LastUsedAt, used[id])
			c.sessions.Add(id, row)
		}
	}
}

const (
	// coalesceTimeout bounds one query. It does not end with the request that runs it.
	coalesceTimeout = 10 * time.Second
	// coalesceWait is how long the next query waits for the one under way. The longer, the more requests share one query,
	// but a query that hangs must not hold up all others.
	coalesceWait = 50 * time.Millisecond
	// coalesceLimit bounds the keys of one query.
	coalesceLimit = 256
)

// errNotQueried is the error of requests whose query ended in a panic.
var errNotQueried = errors.New("the database was not queried")

// coalescer queries the database for what many requests ask at the same time: requests that come while a query is under
// way go into the next one. Each gets the result of a query that began after it came, so no result is out of date.
type coalescer[K comparable, V any] struct {
	load func(ctx context.Context, keys []K) (map[K]V, error)
	turn chan struct{} // held by the request that runs a query
	mu   sync.Mutex
	open *coalescedQuery[K, V] // not started yet; nil for none
}

type coalescedQuery[K comparable, V any] struct {
	keys   []K
	closed bool // takes no more keys; guarded by coalescer.mu
	done   chan struct{}
	values map[K]V
	err    error
}

func newCoalescer[K comparable, V any](load func(ctx context.Context, keys []K) (map[K]V, error)) *coalescer[K, V] {
	return &coalescer[K, V]{load: load, turn: make(chan struct{}, 1)}
}

// get returns the value under key; known is false where the database has none.
func (c *coalescer[K, V]) get(ctx context.Context, key K) (value V, known bool, err error) {
	q := c.join(key)
	select {
	case <-q.done:
	case <-ctx.Done():
		return value, false, ctx.Err()
	case c.turn <- struct{}{}:
		c.run(ctx, q)
	}
	select {
	case <-q.done:
	case <-ctx.Done():
		return value, false, ctx.Err()
	}
	value, known = q.values[key]
	return value, known, q.err
}

// join adds key to the query that runs next.
func (c *coalescer[K, V]) join(key K) *coalescedQuery[K, V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.open
	if q == nil || len(q.keys) == coalesceLimit {
		q = &coalescedQuery[K, V]{done: make(chan struct{})}
		c.open = q
	}
	q.keys = append(q.keys, key)
	return q
}

// run runs q, unless another request has started it, and gives the turn back.
func (c *coalescer[K, V]) run(ctx context.Context, q *coalescedQuery[K, V]) {
	release := sync.OnceFunc(func() { <-c.turn })
	defer release()
	if !c.close(q) {
		return
	}
	defer time.AfterFunc(coalesceWait, release).Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), coalesceTimeout)
	defer cancel()
	defer close(q.done)
	q.err = errNotQueried // in case load panics
	q.values, q.err = c.load(ctx, q.keys)
}

// close lets no more requests join q. It reports whether it was open.
func (c *coalescer[K, V]) close(q *coalescedQuery[K, V]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	if c.open == q {
		c.open = nil
	}
	return true
}
