package models

import (
	"encoding/json"
	"strconv"
	"strings"
)

// EventName is the name of an event on the wire.
type EventName string

// The events of the contract.
const (
	EventReady               EventName = "ready"
	EventMessageCreated      EventName = "message.created"
	EventMessageNotification EventName = "message.notification"
	EventMessageEdited       EventName = "message.edited"
	EventMessageDeleted      EventName = "message.deleted"
	EventHistoryCleared      EventName = "history.cleared"
	EventRoomCreated         EventName = "room.created"
	EventRoomDeleted         EventName = "room.deleted"
	EventRoomUpdated         EventName = "room.updated"
	EventMemberJoined        EventName = "member.joined"
	EventMemberLeft          EventName = "member.left"
	EventMemberUpdated       EventName = "member.updated"
	EventMemberBanned        EventName = "member.banned"
	EventPresenceEntered     EventName = "presence.entered"
	EventPresenceLeft        EventName = "presence.left"
	EventUserOnline          EventName = "user.online"
	EventUserOffline         EventName = "user.offline"
	EventTyping              EventName = "typing"
	EventMessageRead         EventName = "message.read"
	EventContactAdded        EventName = "contact.added"
	EventContactRemoved      EventName = "contact.removed"
	EventReactionAdded       EventName = "reaction.added"
	EventReactionRemoved     EventName = "reaction.removed"
	EventPinAdded            EventName = "pin.added"
	EventPinRemoved          EventName = "pin.removed"
	EventSessionRevoked      EventName = "session.revoked"
	EventServerClosing       EventName = "server.closing"
	EventResync              EventName = "resync"
	EventBusy                EventName = "busy"
)

// The events that are in the log only to reach every node. No client gets them.
const (
	EventBlockAdded      EventName = "block.added"
	EventBlockRemoved    EventName = "block.removed"
	EventPresenceUpdate  EventName = "node.news"
	EventPresenceRequest EventName = "node.asked"
	// EventNamesChanged says that the names of Audience.UserID have changed, or that their account was deleted: every node
	// forgets what it knows of the user. Its name in the log is from when only the end of an account changed names.
	EventNamesChanged EventName = "account.deleted"
)

// Cursor is a position in the log: everything up to Position, in the epoch of one database. Clients see it as an opaque
// string. The epoch changes when a database is restored, since positions are then given out a second time.
type Cursor struct {
	Epoch    string
	Position int64
}

// IsZero reports whether c has no position, as after a call that changed nothing.
func (c Cursor) IsZero() bool { return c.Epoch == "" }

// String is c as clients see it, "" for the zero Cursor.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return c.Epoch + "-" + strconv.FormatInt(c.Position, 10)
}

// ParseCursor reads what String wrote. ok is false for anything else.
func ParseCursor(s string) (c Cursor, ok bool) {
	epoch, position, found := strings.Cut(s, "-")
	n, err := strconv.ParseInt(position, 10, 64)
	if !found || err != nil || n < 0 || epoch == "" || position != strconv.FormatInt(n, 10) {
		return Cursor{}, false
	}
	return Cursor{Epoch: epoch, Position: n}, true
}

// Audience says who receives an event: everybody, or the members of RoomID (as of the event's own place in the log)
// together with UserID and PeerID. With SessionID it is for that session's streams alone. 0 and "" stand for nobody.
//
// UserID is also who the event is about: the sender of a message, the member who joined, left or was banned, the owner
// of a room just made, who blocks PeerID. Memberships on the push side move by it.
type Audience struct {
	Everyone  bool
	RoomID    int64
	UserID    int64
	PeerID    int64
	SessionID string
}

// LogEntry is one event in the log: Data is its JSON exactly as it is pushed.
//
// MessageID is set when Data is a Message: that one, of Audience.RoomID. The log stores no copy of it, so an entry that
// was read from there has the message as it was when it was read, and no Data when there is nothing left to show.
type LogEntry struct {
	Position  int64
	Name      EventName
	Audience  Audience
	MessageID int64
	Data      []byte
}

// Replayable reports whether the event has an id on the wire and is replayed. Of the others, some are in the log only
// to reach every node; the content of the rest has been deleted since.
func (e LogEntry) Replayable() bool {
	switch e.Name {
	case EventSessionRevoked, EventBlockAdded, EventBlockRemoved, EventPresenceUpdate, EventPresenceRequest,
		EventNamesChanged:
		return false
	default:
		return len(e.Data) > 0
	}
}

// Event is an event as the JSON form of the log shows it.
type Event struct {
	ID   string          `json:"id"`
	Name EventName       `json:"event"`
	Data json.RawMessage `json:"data"`
}

// Ready opens every stream.
type Ready struct {
	StreamID   string `json:"stream_id"`
	UserID     int64  `json:"user_id"`
	Resumed    bool   `json:"resumed"`
	ServerTime Time   `json:"server_time"`
}

// MessageRef is the data of message.deleted.
type MessageRef struct {
	RoomID    int64 `json:"room_id"`
	MessageID int64 `json:"message_id"`
}

// HistoryCleared is the data of history.cleared: the messages up to UpToID are gone.
type HistoryCleared struct {
	RoomID int64 `json:"room_id"`
	UpToID int64 `json:"up_to_id"`
}

// RoomGone is the data of room.deleted.
type RoomGone struct {
	RoomID int64  `json:"room_id"`
	Handle string `json:"handle,omitempty"`
}

// MemberEvent is the data of member.joined, member.left, member.updated and member.banned. Muted is set only in the
// member.updated that tells the member alone that they muted the room, or unmuted it.
type MemberEvent struct {
	RoomID  int64   `json:"room_id"`
	Subject string  `json:"subject,omitempty"`
	User    UserRef `json:"user"`
	Role    Role    `json:"role,omitempty"`
	Muted   *bool   `json:"muted,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	Until   Time    `json:"until,omitzero"`
}

// PresenceEvent is the data of presence.entered and presence.left.
type PresenceEvent struct {
	RoomID  int64   `json:"room_id"`
	Subject string  `json:"subject,omitempty"`
	User    UserRef `json:"user"`
}

// UserStatus is the data of user.online and user.offline.
type UserStatus struct {
	User UserRef `json:"user"`
	At   Time    `json:"at"`
}

// Typing is the data of typing: it is valid until Until, unless it is repeated.
type Typing struct {
	RoomID int64   `json:"room_id"`
	User   UserRef `json:"user"`
	Until  Time    `json:"until"`
}

// ContactEvent is the data of contact.added and contact.removed.
type ContactEvent struct {
	Owner UserRef `json:"owner"` // the owner of the list
	User  UserRef `json:"user"`  // the user in it
}

// ReadEvent is the data of message.read.
type ReadEvent struct {
	RoomID    int64 `json:"room_id"`
	UserID    int64 `json:"user_id"`
	MessageID int64 `json:"message_id"`
}

// ReactionEvent is the data of reaction.added and reaction.removed. Count is the number of users with this reaction
// after the event: a message in a replay may include it already, and setting the count is right in both cases.
type ReactionEvent struct {
	RoomID    int64   `json:"room_id"`
	MessageID int64   `json:"message_id"`
	User      UserRef `json:"user"`
	Emoji     string  `json:"emoji"`
	Count     int64   `json:"count"`
}

// PinEvent is the data of pin.added and pin.removed.
type PinEvent struct {
	RoomID    int64   `json:"room_id"`
	MessageID int64   `json:"message_id"`
	User      UserRef `json:"user"` // who pinned or unpinned it
}

// SessionRevoked is the data of session.revoked.
type SessionRevoked struct {
	SessionID string       `json:"session_id"`
	Reason    RevokeReason `json:"reason"`
}

// RevokeReason says why a session ended.
type RevokeReason string

// The reasons for which a session ends.
const (
	RevokedByLogOut RevokeReason = "log_out"
	RevokedByReuse  RevokeReason = "refresh_token_reused"
	RevokedByChange RevokeReason = "password_changed"
	RevokedByEnd    RevokeReason = "account_deleted"
	RevokedByLimit  RevokeReason = "too_many_sessions"
)

// ServerClosing is the data of server.closing: when to reconnect, at a random time so that not all clients do at once.
type ServerClosing struct {
	ReconnectInMS int64 `json:"reconnect_in_ms"`
}

// ResyncReason says why a cursor could not be served.
type ResyncReason string

// The reasons of a resync.
const (
	ResyncExpired ResyncReason = "expired" // older than what is kept
	ResyncUnknown ResyncReason = "unknown" // of another epoch, of the future, or no cursor at all
)

// Resync is the data of resync.
type Resync struct {
	Reason ResyncReason `json:"reason"`
}

// Busy is the data of busy, the only event of a stream that cannot be opened for now.
type Busy struct {
	Reason BusyReason `json:"reason"`
}

// BusyReason says why the server cannot open a stream for a client now. More may be added.
type BusyReason string

// The reasons of a busy.
const (
	BusyStopping    BusyReason = "stopping"         // this server is about to stop
	BusyStreams     BusyReason = "too_many_streams" // the user has as many as one user may have
	BusyRateLimited BusyReason = "rate_limited"     // the caller has asked for too much
	BusyUnavailable BusyReason = "unavailable"      // the database does not respond, or the server is overloaded
)

// Visibility is what one user may see of rooms from a position in the log on: the rooms that they are or were in, and
// when, and the mutes as of that position. User and Now are as of the time when it was read: the user's names, zero for
// a user who does not exist, and the mutes.
type Visibility struct {
	UserID int64
	User   UserRef
	Spans  []Span
	Mutes
	Now Mutes
}

// Mutes are the rooms and the senders of which a user gets no notifications, and those who get none of the user.
type Mutes struct {
	Muted     []int64
	Blocked   []int64
	BlockedBy []int64
}

// Span is one period of membership: the member may see the events at positions From to To, both included. To is 0 while
// it lasts.
type Span struct {
	RoomID  int64
	Subject string
	From    int64
	To      int64
}
