package store

import (
	"strconv"
	"strings"

	"gorm.io/gorm"
)

// searchIndex is the part of a dialect that finds messages by their words. What leaves the index needs no call: the row
// of a message that is deleted goes with it, and a tombstone is found no more, by triggers.
type searchIndex interface {
	// wordText is the words of a message as the index is given them.
	wordText(roomID int64, words []string) string
	// indexMessages replaces what messages are found by.
	indexMessages(tx *gorm.DB, messages []indexed) error
	// findWords finds messages of the spans that a query matches: at least the newest, up to limit.
	findWords(db *gorm.DB, spans []span, q wordindex.Query, limit int) ([]hit, error)
}

// indexed is a message and what it is found by.
type indexed struct {
	roomID, id int64
	wordindex.Key
}

// span is a part of a room's messages: those after ClearedID, up to UpToID.
type span struct {
	RoomID    int64
	Subject   string
	ClearedID int64
	UpToID    int64
	// NewestAt is no earlier than the newest message.
	NewestAt int64
}

// hit is a message that was found.
type hit struct{ createdAt, roomID, id int64 }

// hits reads the first messages, up to limit, that a statement finds and the query matches. Its columns are those of a hit, and
// the text unless the query is exact.
func (q *wordQuery) hits(db *gorm.DB, limit int, statement string, args ...any) ([]hit, error) {
	return q.each(db, limit, func(hit) {}, statement, args...)
}

// each is hits that tells of each message which the statement finds.
func (q *wordQuery) each(db *gorm.DB, limit int, read func(hit), statement string, args ...any) (found []hit, err error) {
	rows, err := queryIn(db, statement, args...)
	if err != nil {
		return nil, err
	}
	var h hit
	var text string
	err = scanWhile(rows, func() bool {
		read(h)
		if q.exact || q.matches(text) {
			found = append(found, h)
		}
		return len(found) < limit
	}, &h.createdAt, &h.roomID, &h.id, &text)
	return found, err
}

// wordList is the words of a message with spaces between. Each begins with its room: what is looked for in one room costs
// nothing for what is said in others.
func wordindex.RoomWords(roomID int64, mark string, words []string) string {
	const wordLength = 8 // of most
	room := wordindex.RoomPrefix(roomID, mark)
	var b strings.Builder
	b.Grow(len(words) * (len(room) + wordLength))
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(room)
		b.WriteString(w)
	}
	return b.String()
}

func wordindex.RoomPrefix(roomID int64, mark string) string { return strconv.FormatInt(roomID, 10) + mark }
