package sse

import (
	crand "crypto/rand"
	"strings"
)

// nodeIDLength is the length of the node's id at the start of a stream id, in characters.
const nodeIDLength = 10

// streamIDLength is the length of a stream id, in characters: that of crypto/rand.Text.
const streamIDLength = 26

// newNodeID returns a random id for this process among the nodes of a database.
func newNodeID() string { return crand.Text()[:nodeIDLength] }

// newStreamID returns an id that cannot be guessed: 80 random bits after the node's id, or all 128 without one.
func (h *Hub) newStreamID() string {
	random := crand.Text()
	return h.nodeID + random[len(h.nodeID):]
}

// isStreamID reports whether id has the form of a stream id.
func isStreamID(id string) bool {
	return len(id) == streamIDLength && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}
