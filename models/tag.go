package models

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// Condition is the If-Match of a request; without one the zero value, which always holds.
type Condition struct {
	Given bool
	Any   bool     // *, which holds for whatever exists
	Tags  []string // the strong ones; a weak one never matches
}

// Check is precondition_failed unless the condition holds for an object with this tag. It belongs into the transaction
// that changes the object, behind its lock: of two changes with one tag only the first finds it.
func (c Condition) Check(tag string) error {
	if !c.Given || c.Any || slices.Contains(c.Tags, tag) {
		return nil
	}
	return Errorf(CodePreconditionFailed,
		"It has changed since you read it (its ETag is now %s); read it again, and decide again.", tag)
}

// The tags are the ETag of a user, a room and a message. Each names the version of what PATCH changes, and of nothing
// else: a client that read a room and sends If-Match means its name and description, and must not be refused because
// somebody wrote a message meanwhile. So a tag stays the same while counts, reactions or the time of the last visit
// change, and a response with the same tag may differ: there is no 304 for them, and none for another encoding.

// Tag is the version of the profile.
func (u User) Tag() string {
	return hashTag(strconv.FormatInt(u.ID, 10), u.Username, u.DisplayName, u.Description, strconv.FormatBool(u.Guest))
}

// Tag is the version of the room's names and description.
func (r Room) Tag() string {
	return hashTag(strconv.FormatInt(r.ID, 10), r.Handle, r.Name, r.Description)
}

// Tag is the version of the message's text. The time of an edit is later than that of the edit before, so it needs no
// hash: every message that is sent has one.
func (m Message) Tag() string {
	tag := make([]byte, 0, 48)
	tag = append(tag, '"')
	tag = strconv.AppendInt(tag, m.ID, 10)
	if !m.EditedAt.IsZero() {
		tag = append(tag, '-')
		tag = strconv.AppendInt(tag, m.EditedAt.Millis(), 36)
	}
	if !m.DeletedAt.IsZero() {
		tag = append(tag, "-deleted"...)
	}
	return string(append(tag, '"'))
}

// hashTag is a tag of texts, which have no U+0000.
func hashTag(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}
