package models

// Presence says that a user has a stream open at a node (RoomID 0), or is in a room there; or, when Here is false, that
// this has ended. User has all names where there is a room, and the ID alone where there is none.
type Presence struct {
	RoomID  int64   `json:"room_id,omitempty"`
	Subject string  `json:"subject,omitempty"` // the room's
	User    UserRef `json:"user"`
	Here    bool    `json:"here"`
	At      Time    `json:"at"`
}

// PresenceUpdate is the data of node.news: what changed at a node, and its responses to requests. Gone is when the node
// stopped or was found dead; nobody is present there any more.
type PresenceUpdate struct {
	Node      string             `json:"node"`
	Changes   []Presence         `json:"changes,omitempty"`
	Responses []PresenceResponse `json:"answers,omitempty"`
	Gone      Time               `json:"gone,omitzero"`
}

// PresenceRequest is the data of node.asked: a request about a stream that another node has. Enter is whether the
// stream is to be in the room.
type PresenceRequest struct {
	ID       string `json:"id"`
	Node     string `json:"node"` // the node that has the stream
	UserID   int64  `json:"user_id"`
	StreamID string `json:"stream_id"`
	RoomID   int64  `json:"room_id"`
	Subject  string `json:"subject,omitempty"`
	Enter    bool   `json:"enter"`
}

// PresenceResponse is the result of a PresenceRequest: Code is empty on success.
type PresenceResponse struct {
	ID      string `json:"id"`
	Code    Code   `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// AnyHeartbeat stands for any heartbeat of a node.
const AnyHeartbeat = -1
