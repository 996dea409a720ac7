package sse

import (
	crand "crypto/rand"
	"strings"
)

// nodeIDLength is how many characters of a stream's id name the node that has it.
const nodeIDLength = 10

// streamIDLength is how many characters a stream's id has: those of crypto/rand.Text.
const streamIDLength = 26

// newNodeID names this process among those that share the database.
func newNodeID() string { return crand.Text()[:nodeIDLength] }

// newStreamID makes an id that cannot be guessed: 80 bits of it, and all 128 where no node has to be named.
func (h *Hub) newStreamID() string {
	random := crand.Text()
	return h.nodeID + random[len(h.nodeID):]
}

// isStreamID reports whether a stream may have had this id.
func isStreamID(id string) bool {
	return len(id) == streamIDLength && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}
