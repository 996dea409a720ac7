package database

import (
	"math"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// IndexState is how far the index is.
type IndexState struct {
	// Position is that of the last event whose message is in the index.
	Position int64
	// Outdated says that some messages are indexed by older rules.
	Outdated bool
	// InColumn says that some messages from before schema 17 have their words in the table of the messages (PostgreSQL).
	InColumn bool
}

// ToReindex is the condition on messages that have to be indexed again.
const ToReindex = "index_version < " + wordindex.Version + " AND deleted_at = 0"

// WordQuery is a query and the index that it is for.
type WordQuery struct {
	wordindex.Query

	InColumn bool // see IndexState
}

// IndexedMessage is a message and what it is found by.
type IndexedMessage struct {
	RoomID, ID int64
	wordindex.Key
}

// Span is a part of a room's messages: those after ClearedID, up to UpToID.
type Span struct {
	RoomID    int64
	Subject   string
	ClearedID int64
	UpToID    int64
	// NewestAt is no earlier than the newest message, in milliseconds since 1970.
	NewestAt int64
	// ActivePosition is no earlier than the event of the newest message.
	ActivePosition int64
}

// NewestFirst is how many of a room's newest messages are read one by one before an index is asked. Words that very
// many messages have, these have too: the index is not in the order of the messages, and would have all of them sorted.
const NewestFirst = 1000

// Split returns the newest part of a span, and the rest, which may be empty.
func (s Span) Split() (newest, rest Span) {
	newest, rest = s, s
	newest.ClearedID = max(s.ClearedID, s.UpToID-NewestFirst)
	rest.UpToID = newest.ClearedID
	return newest, rest
}

// Empty reports whether a span has no messages.
func (s Span) Empty() bool { return s.UpToID <= s.ClearedID }

// Hit is a message that was found.
type Hit struct{ CreatedAt, RoomID, ID int64 }

// MaxTime is later than all times, in milliseconds, and leaves room for sums.
const MaxTime = math.MaxInt64 / 2

// FromLiveSender is the condition on messages that the account of their sender exists. The other ones are about to
// become tombstones, and are shown as such already; what looks for messages skips them.
const FromLiveSender = " AND sender_id NOT IN (SELECT user_id FROM departures)"

// ReadHits returns the first messages, up to limit, that a statement finds and a query matches. The columns of the
// statement are those of a Hit, and the text unless the query is exact. read is called with each message that the
// statement finds.
func ReadHits(
	db *gorm.DB, q wordindex.Query, limit int, read func(Hit), statement string, args ...any,
) (found []Hit, err error) {
	var h Hit
	var text string
	err = Query(db, statement, args...).While(func() bool {
		read(h)
		if q.Exact || q.Matches(text) {
			found = append(found, h)
		}
		return len(found) < limit
	}, &h.CreatedAt, &h.RoomID, &h.ID, &text)
	return found, err
}
