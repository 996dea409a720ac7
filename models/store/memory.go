package store

import (
	"slices"
	"sync"

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
