package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/parley-chat/parley/models"
)

// What the memory holds at the most, of each kind: a few megabytes.
const (
	rememberedSessions  = 1 << 14
	rememberedStandings = 1 << 15
)

// memory is what almost every request asks, so that it need not be asked of the database: which sessions are alive, and
// who is a member of what. It is never wrong, and therefore only there where no other process writes to the database.
//
// It knows only what is so, never what is not: whoever joins or logs in is in nobody's way. What stops being so is told
// in an event, or by renamed, and forgotten before the change is answered. From before the commit until then nothing is
// recalled, and what was read before is not kept.
type memory struct {
	mu        sync.Mutex
	forgotten uint64 // how often something was
	altering  int    // transactions that may have been committed, but are not forgotten yet
	sessions  *simplelru.LRU[string, sessionRow]
	standings *simplelru.LRU[posting, standing]
}

// standing is what a member is in a room.
type standing struct {
	subject   string // the room's
	clearedID int64  // the newest of the messages that were cleared away
	closed    bool   // whether one of the two users of a direct room has blocked the other
	user      models.UserRef
}

func newMemory() *memory {
	m := &memory{}
	var errs [2]error // of a size that is not positive
	m.sessions, errs[0] = simplelru.NewLRU[string, sessionRow](rememberedSessions, nil)
	m.standings, errs[1] = simplelru.NewLRU[posting, standing](rememberedStandings, nil)
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
	return m
}

// recall is what is remembered under key in list. since goes with what is loaded when nothing is, to remember.
func recall[K comparable, V any](m *memory, list *simplelru.LRU[K, V], key K) (value V, known bool, since uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.altering == 0 {
		value, known = list.Get(key)
	}
	return value, known, m.forgotten
}

// remember keeps what was loaded after since, unless something was forgotten meanwhile: it may have been that.
func remember[K comparable, V any](m *memory, list *simplelru.LRU[K, V], key K, value V, since uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.altering == 0 && m.forgotten == since {
		list.Add(key, value)
	}
}

// alter is called when only the commit of a transaction is left, and the returned function when it is over, well or not.
// A transaction that alters nothing of what is remembered pays nothing.
func (m *memory) alter(c *change) (over func()) {
	if m == nil || !c.renamed && !slices.ContainsFunc(c.events, func(e pendingEvent) bool { return alters(e.Name) }) {
		return func() {}
	}
	m.mu.Lock()
	m.altering++
	m.mu.Unlock()
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.altering--
		m.forgotten++
		if c.renamed {
			m.standings.Purge()
		}
		for _, e := range c.events {
			m.forget(e.LogEntry)
		}
	}
}

// alters reports whether what is remembered may not be so any more after an event of that name.
func alters(name models.EventName) bool {
	switch name {
	case models.EventMessageCreated, models.EventMessageEdited, models.EventMessageDeleted, models.EventMessageRead,
		models.EventReactionAdded, models.EventReactionRemoved, models.EventPinAdded,
		models.EventPinRemoved, models.EventContactAdded, models.EventContactRemoved, models.EventNodeNews,
		models.EventNodeAsked, models.EventAccountDeleted, models.EventRoomCreated, models.EventRoomUpdated, models.EventMemberJoined,
		models.EventMemberUpdated:
		return false
	}
	return true
}

// forget forgets what is not so any more after e, and everything after one that it does not know.
func (m *memory) forget(e models.LogEntry) {
	switch {
	case !alters(e.Name):
	case e.Name == models.EventSessionRevoked:
		m.sessions.Remove(e.Audience.SessionID)
	case e.Name == models.EventMemberLeft, e.Name == models.EventMemberBanned:
		m.standings.Remove(posting{e.Audience.RoomID, e.Audience.UserID})
	case e.Name == models.EventRoomDeleted, e.Name == models.EventHistoryCleared, e.Name == models.EventBlockAdded, e.Name == models.EventBlockRemoved:
		m.standings.Purge()
	default:
		m.sessions.Purge()
		m.standings.Purge()
	}
}

// forgetSession has the session read again.
func (m *memory) forgetSession(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgotten++
	m.sessions.Remove(id)
}

const (
	// gatherTimeout bounds one question to the database. It is not any one request's to cancel.
	gatherTimeout = 10 * time.Second
	// gatherPatience is how long the next question waits for the one under way. The more wait, the less each of them costs, but
	// one that hangs must not hold up all others.
	gatherPatience = 50 * time.Millisecond
	// gatherLimit bounds the keys of one question.
	gatherLimit = 256
)

// errUnanswered is left to those whose question ended in a panic.
var errUnanswered = errors.New("the database was not asked")

// gathering asks the database for what many requests want to know at once: what is asked while a question is under way
// goes into the next one. Each is answered by a question that began after it came, so nobody is told what was so before.
type gathering[K comparable, V any] struct {
	load func(ctx context.Context, keys []K) (map[K]V, error)
	turn chan struct{} // holds whoever asks
	mu   sync.Mutex
	open *question[K, V] // not asked yet; nil for none
}

type question[K comparable, V any] struct {
	keys   []K
	closed bool // nobody joins it any more; guarded by gathering.mu
	done   chan struct{}
	values map[K]V
	err    error
}

func newGathering[K comparable, V any](load func(ctx context.Context, keys []K) (map[K]V, error)) *gathering[K, V] {
	return &gathering[K, V]{load: load, turn: make(chan struct{}, 1)}
}

// ask is the value under key; known is false where the database has none.
func (g *gathering[K, V]) ask(ctx context.Context, key K) (value V, known bool, err error) {
	q := g.join(key)
	select {
	case <-q.done:
	case <-ctx.Done():
		return value, false, ctx.Err()
	case g.turn <- struct{}{}:
		g.put(ctx, q)
	}
	select {
	case <-q.done:
	case <-ctx.Done():
		return value, false, ctx.Err()
	}
	value, known = q.values[key]
	return value, known, q.err
}

// join adds key to the question that is asked next.
func (g *gathering[K, V]) join(key K) *question[K, V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	q := g.open
	if q == nil || len(q.keys) == gatherLimit {
		q = &question[K, V]{done: make(chan struct{})}
		g.open = q
	}
	q.keys = append(q.keys, key)
	return q
}

// put asks q and gives the turn back. It asks nothing when somebody else who wants to know has begun to.
func (g *gathering[K, V]) put(ctx context.Context, q *question[K, V]) {
	giveBack := sync.OnceFunc(func() { <-g.turn })
	defer giveBack()
	if !g.close(q) {
		return
	}
	defer time.AfterFunc(gatherPatience, giveBack).Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), gatherTimeout)
	defer cancel()
	defer close(q.done)
	q.err = errUnanswered // should load panic
	q.values, q.err = g.load(ctx, q.keys)
}

// close has nobody join q any more. It reports whether it was open.
func (g *gathering[K, V]) close(q *question[K, V]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	if g.open == q {
		g.open = nil
	}
	return true
}
