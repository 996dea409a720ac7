package api

import (
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// drawEmoji draws the emoji of a reaction.
func drawEmoji(rt *rapid.T) string {
	return rapid.SampledFrom([]string{"👍", "🎉"}).Draw(rt, "emoji")
}

// react adds a reaction.
func (w *world) react(rt *rapid.T) {
	r, user := w.draw(rt)
	id, emoji := r.drawID(rt), drawEmoji(rt)
	m, refusal := r.find(user, id)
	if refusal == "" && m.deleted {
		refusal = models.CodeNotFound
	}
	path := reactionPath(models.Message{RoomID: r.id, ID: id}, emoji)
	if wasAccepted(w.users[user].Call("PUT", path, nil), 200, refusal) {
		if m.reactions == nil {
			m.reactions = map[string]map[int]bool{}
		}
		if m.reactions[emoji] == nil {
			m.reactions[emoji] = map[int]bool{}
		}
		m.reactions[emoji][user] = true
	}
}

// unreact removes a reaction.
func (w *world) unreact(rt *rapid.T) {
	r, user := w.draw(rt)
	id, emoji := r.drawID(rt), drawEmoji(rt)
	m, refusal := r.find(user, id)
	if refusal == models.CodeNotFound {
		m, refusal = &modelMessage{}, "" // to remove what is not there has no effect
	}
	path := reactionPath(models.Message{RoomID: r.id, ID: id}, emoji)
	if wasAccepted(w.users[user].Call("DELETE", path, nil), 204, refusal) {
		delete(m.reactions[emoji], user)
	}
}

// pin pins a message. Who may not is refused whether or not there is such a message.
func (w *world) pin(rt *rapid.T) {
	r, user := w.draw(rt)
	id := r.drawID(rt)
	m, refusal := r.find(user, id)
	switch {
	case r.refusal(user) != "":
	case !r.moderates(user):
		refusal = models.CodeForbidden
	case refusal == "" && m.deleted:
		refusal = models.CodeNotFound
	}
	if wasAccepted(w.users[user].Call("PUT", fmt.Sprintf("%s/pins/%d", harness.RoomPath(r.id), id), nil), 200, refusal) {
		m.pinned = true
	}
}

// listed returns the message's reactions as a user sees them, sorted by emoji, since the model does not know the order
// of reactions of the same millisecond.
func (m modelMessage) listed(user int) (list []string) {
	for _, emoji := range slices.Sorted(maps.Keys(m.reactions)) {
		if by := m.reactions[emoji]; len(by) > 0 {
			list = append(list, fmt.Sprint(emoji, len(by), by[user]))
		}
	}
	return list
}

// listedReactions returns the reactions of a response in the form of modelMessage.listed.
func listedReactions(m models.Message) (list []string) {
	for _, r := range m.Reactions {
		list = append(list, fmt.Sprint(r.Emoji, r.Count, *r.Me))
	}
	slices.Sort(list)
	return list
}

// comparePins compares a room's pinned messages with the model.
func (w *world) comparePins(rt *rapid.T, r *modelRoom) {
	var got, want []int64
	for _, p := range harness.Get[models.Page[models.Pin]](w.users[0], harness.RoomPath(r.id)+"/pins?limit=200").Items {
		got = append(got, p.Message.ID)
	}
	for i, m := range r.messages {
		if id := int64(i + 1); id > r.cleared && m.pinned {
			want = append(want, id)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		rt.Errorf("the pins of room %d: got %v, want %v", r.id, got, want)
	}
}
