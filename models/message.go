package models

import (
	"encoding/json"
	"fmt"
	"slices"
)

// MessageType says how a message is meant to be shown.
type MessageType string

// The types of messages.
const (
	MessageText    MessageType = "text"
	MessageSticker MessageType = "sticker"
	MessageImage   MessageType = "image"
	MessageFile    MessageType = "file"
)

// Message is a message of a room; (RoomID, ID) names it. Ids count up by one within the room, in the order in which its
// readers see the messages. One with DeletedAt is a tombstone: it keeps its place, without text and files.
type Message struct {
	ID        int64       `json:"id"`
	RoomID    int64       `json:"room_id"`
	Subject   string      `json:"subject,omitempty"` // the room's
	Sender    UserRef     `json:"sender"`
	Type      MessageType `json:"type"`
	Text      string      `json:"text,omitempty"`
	Files     []File      `json:"files"`
	ReplyTo   int64       `json:"reply_to,omitempty"`
	Reactions []Reaction  `json:"reactions"`
	ClientID  string      `json:"client_id,omitempty"`
	CreatedAt Time        `json:"created_at"`
	EditedAt  Time        `json:"edited_at,omitzero"`
	DeletedAt Time        `json:"deleted_at,omitzero"`
}

// Reaction counts one emoji on a message. Me says whether the reader is among them, and is absent in events.
type Reaction struct {
	Emoji string `json:"emoji"`
	Count int64  `json:"count"`
	Me    *bool  `json:"me,omitempty"`
}

// ForAll is m without what depends on who reads it, as events carry it.
func (m Message) ForAll() Message {
	m.Reactions = slices.Clone(m.Reactions)
	for i := range m.Reactions {
		m.Reactions[i].Me = nil
	}
	return m
}

// SentMessage is a message that has been stored, and its JSON, which is encoded once for the response, the log and the
// frames. The JSON ends with a newline, as responses do, and is never changed.
type SentMessage struct {
	Message Message
	JSON    json.RawMessage
}

// Pin is a message that a moderator pinned.
type Pin struct {
	Message  Message `json:"message"`
	PinnedBy UserRef `json:"pinned_by"`
	PinnedAt Time    `json:"pinned_at"`
}

// NewMessage is a message about to be sent.
type NewMessage struct {
	Type     MessageType `json:"type,omitempty"` // MessageText when left out
	Text     string      `json:"text,omitempty"`
	FileIDs  []string    `json:"file_ids,omitempty"`
	ReplyTo  *int64      `json:"reply_to,omitempty"`
	ClientID *string     `json:"client_id,omitempty"`
}

// Validate reports every field that the contract refuses. That files and the message replied to exist is checked where
// the message is stored.
func (n NewMessage) Validate() error {
	var c check
	n.validate(&c)
	return c.err()
}

func (n NewMessage) validate(c *check) {
	least := 1
	switch n.Type {
	case "", MessageText, MessageSticker:
	case MessageImage, MessageFile:
		if len(n.FileIDs) == 0 {
			c.fail("file_ids", "a message of type %s needs a file", n.Type)
		}
	default:
		c.oneOf("type", string(n.Type), string(MessageText), string(MessageSticker), string(MessageImage),
			string(MessageFile))
	}
	if len(n.FileIDs) > 0 {
		least = 0
	}
	c.length("text", n.Text, least, MaxTextLength)
	if least > 0 {
		c.visible("text", n.Text)
	}
	if len(n.FileIDs) > MaxFilesPerMessage {
		c.fail("file_ids", "must name at most %d files", MaxFilesPerMessage)
	}
	for i, id := range n.FileIDs {
		c.length(fmt.Sprintf("file_ids[%d]", i), id, 1, MaxIdempotencyKey)
	}
	if n.ReplyTo != nil && *n.ReplyTo < 1 {
		c.fail("reply_to", "must be a message's id, 1 or more")
	}
	c.optional("client_id", n.ClientID, MaxClientIDLength)
}

// TargetedMessage is a message to "#handle" or, privately, to "@username".
type TargetedMessage struct {
	NewMessage
	Target string `json:"target"`
}

// Validate reports every field that the contract refuses.
func (t TargetedMessage) Validate() error {
	var c check
	switch {
	case t.Target == "":
		c.fail("target", "is required")
	case t.Target[0] == '#':
		c.name("target", t.Target[1:], MaxHandleLength)
	case t.Target[0] == '@':
		c.name("target", t.Target[1:], MaxUsernameLength)
	default:
		c.fail("target", "must be #handle or @username")
	}
	t.validate(&c)
	return c.err()
}

// MessageEdit replaces a message's text.
type MessageEdit struct {
	Text string `json:"text"`
}

// Required names the fields that must be there.
func (MessageEdit) Required() []string { return []string{"text"} }

// Validate reports every field that the contract refuses. An empty text is for a message that has files, which is known
// where it is stored (RefuseEmpty).
func (e MessageEdit) Validate() error {
	var c check
	c.length("text", e.Text, 0, MaxTextLength)
	c.visible("text", e.Text)
	return c.err()
}

// RefuseEmpty is the error for an edit that would leave a message without text and files; nil for any other.
func (e MessageEdit) RefuseEmpty() error {
	var c check
	c.length("text", e.Text, 1, MaxTextLength)
	return c.err()
}

// HistoryQuery asks for a page of a room's history. At most one of Before, After, Around and the pair (Since, Until) is
// set; none asks for the newest page. The ids, which are 0 or more, may be of messages that no longer exist.
type HistoryQuery struct {
	Paging
	Before, After, Around *int64 // ids of messages
	Since, Until          Time
}

// Validate reports parameters that exclude each other.
func (q HistoryQuery) Validate() error {
	var c check
	given := 0
	for _, one := range []struct {
		field string
		id    *int64
	}{{"before", q.Before}, {"after", q.After}, {"around", q.Around}} {
		if one.id == nil {
			continue
		}
		if *one.id < 0 {
			c.fail(one.field, "must be a message's id, or 0")
		}
		given++
		if given > 1 {
			c.fail(one.field, "excludes the other directions")
		}
	}
	if !q.Since.IsZero() || !q.Until.IsZero() {
		if given > 0 {
			c.fail("since", "since and until exclude before, after and around")
		}
	}
	return c.err()
}
