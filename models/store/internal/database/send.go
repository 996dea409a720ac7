package database

import (
	"fmt"

	"github.com/parley-chat/parley/models"
)

// Room is the part of a room's row that sends read and change.
type Room struct {
	ID             int64
	Subject        string
	DirectKey      *string // nil for a room that is not direct
	MessageCount   int64
	LastMessageID  int64
	LastMessageAt  int64
	ClearedID      int64
	ActiveAt       int64
	ActivePosition int64
}

// Sender is a member who sends.
type Sender struct {
	models.UserRef

	SentCount int64 // the number of their newest message in the room
}

// Post is a message that a batch stores.
type Post struct {
	Message *models.Message
	Key     *models.IdempotentCall // nil without an Idempotency-Key
	// SenderSeq is the message's number among the sender's in the room.
	SenderSeq int64
	// TextStart is what the message is found by at once; its words are indexed behind the commit.
	TextStart string
	// PriorPost, PriorPosition and PriorActiveAt lead from the message's event back to the one before it in the room: its
	// number in the same batch, from 1, or else its position; and when the room was active before.
	PriorPost, PriorPosition, PriorActiveAt int64
}

// Batch is what one commit stores.
type Batch struct {
	Posts    []*Post
	Rooms    map[int64]*Room         // with their new counts and newest messages
	Sent     map[MembershipKey]int64 // the number of messages of each sender
	LastPost map[int64]int64         // the number, from 1, of each room's newest message among Posts
}

// NewBatch returns an empty batch for up to size messages.
func NewBatch(size int) *Batch {
	return &Batch{
		Posts: make([]*Post, 0, size), Rooms: map[int64]*Room{}, Sent: make(map[MembershipKey]int64, size),
		LastPost: map[int64]int64{},
	}
}

// Add adds a message of a room.
func (b *Batch) Add(p *Post, room *Room) {
	b.Posts = append(b.Posts, p)
	b.Rooms[room.ID] = room
	p.PriorPost, p.PriorPosition = b.LastPost[room.ID], 0
	if p.PriorPost == 0 {
		p.PriorPosition = room.ActivePosition
	}
	b.LastPost[room.ID] = int64(len(b.Posts))
	b.Sent[MembershipKey{room.ID, p.Message.Sender.ID}]++
}

// IdempotencyKey identifies a call.
type IdempotencyKey struct {
	CallerID  int64
	Path, Key string
}

// KeyOf returns what identifies a call.
func KeyOf(call *models.IdempotentCall) IdempotencyKey {
	return IdempotencyKey{call.CallerID, call.Path, call.Key}
}

// ClaimKey claims an Idempotency-Key that nobody has used; ClaimExpiredKey, a part of it, also claims one whose use was
// so long ago that it no longer counts.
var (
	ClaimKey = "INSERT INTO idempotency_keys (caller_id, path, key, fingerprint, created_at) VALUES (?, ?, ?, ?, ?) " +
		ClaimExpiredKey

	ClaimExpiredKey = fmt.Sprintf(`ON CONFLICT (caller_id, path, key) DO UPDATE
		SET fingerprint = excluded.fingerprint, created_at = excluded.created_at, answer = '', room_id = 0, message_id = 0,
		position = 0
		WHERE idempotency_keys.created_at < excluded.created_at - %d`, models.IdempotencyLife.Milliseconds())
)

// StoredData returns what the log keeps of an event's data: of an event that carries a message, nothing but the
// reference.
func StoredData(e models.LogEntry) string {
	if e.MessageID != 0 {
		return ""
	}
	return string(e.Data)
}
