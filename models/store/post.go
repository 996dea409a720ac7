package store

import (
	"cmp"
	"errors"
	"slices"

	"github.com/parley-chat/parley/models"
)

// posting is who sends where.
type posting struct{ roomID, userID int64 }

func (p *send) posting() posting { return posting{p.roomID, p.callerID} }

// errNoneStored ends the transaction of a group of which nothing was stored. A commit would wait for the disk, since
// rooms were locked, and thereby tell whoever was refused that there is a room.
var errNoneStored = errors.New("nothing was stored")

// post stores a group of sends and tells of them, in the group's order within each room. It answers the events, once they
// are committed. What is wrong with one send is left in its err and fails no other; an error that it returns fails the
// transaction.
func (g *groupTx) post(group []*send) ([]models.LogEntry, error) {
	ready, err := g.claimAll(group)
	if err != nil {
		return nil, err
	}
	if len(ready) == 0 {
		return nil, errNoneStored
	}
	rooms, senders, err := g.lockPosts(ready)
	if err != nil {
		return nil, err
	}
	closed, err := g.closedRooms(rooms)
	if err != nil {
		return nil, err
	}
	files, err := g.lockFiles(ready)
	if err != nil {
		return nil, err
	}
	stored := newPosted(len(ready))
	for _, p := range ready {
		room, sender, err := g.admissible(p, rooms, senders, closed)
		if err == nil {
			err = p.fits(room, files)
		}
		if err != nil {
			if err := g.refuse(p, err); err != nil {
				return nil, err
			}
			continue
		}
		m := p.next(room, sender)
		if err := g.attach(&m, p.n.FileIDs, files); err != nil {
			return nil, err
		}
		p.seal(m)
		stored.add(p, room)
	}
	if len(stored.sends) == 0 {
		return nil, errNoneStored
	}
	return g.commit(stored)
}

// claimAll takes the Idempotency-Keys of the group, in the order of the keys: two nodes that took them crosswise would
// wait for each other. It answers the sends that are to be stored.
func (g *groupTx) claimAll(group []*send) ([]*send, error) {
	var keyed, ready []*send
	for _, p := range group {
		p.sent, p.at, p.err = models.SentMessage{}, models.Cursor{}, p.ctx.Err()
		if p.err == nil && p.once != nil {
			keyed = append(keyed, p)
		}
	}
	slices.SortFunc(keyed, func(a, b *send) int {
		return cmp.Or(cmp.Compare(a.once.CallerID, b.once.CallerID), cmp.Compare(a.once.Path, b.once.Path),
			cmp.Compare(a.once.Key, b.once.Key))
	})
	if err := g.takeKeys(keyed); err != nil {
		return nil, err
	}
	for _, p := range group {
		if p.err == nil {
			ready = append(ready, p)
		}
	}
	// Room by room: messages to one room that follow each other in the log reach its streams in one piece, and SQLite's index
	// of words writes out what it has whenever a row comes that is not behind the last one.
	slices.SortStableFunc(ready, func(a, b *send) int { return cmp.Compare(a.roomID, b.roomID) })
	return ready, nil
}

// takeKeys takes the keys of sends; those whose key was taken before learn what the first call was answered.
func (g *groupTx) takeKeys(keyed []*send) error {
	if len(keyed) == 0 {
		return nil
	}
	taken, err := g.store.dialect.takeKeys(g, keyed)
	if err != nil {
		return err
	}
	for _, p := range keyed {
		if taken[nameOf(p.once)] {
			continue
		}
		err := g.store.answered(g.DB, p.once)
		if !isRefusal(err) {
			return err
		}
		p.err = err
	}
	return nil
}

func (g *groupTx) lockPosts(ready []*send) (map[int64]*roomRow, map[posting]models.UserRef, error) {
	var ids []int64
	var posts []posting
	for _, p := range ready {
		ids = append(ids, p.roomID)
		posts = append(posts, p.posting())
	}
	slices.Sort(ids)
	slices.SortFunc(posts, func(a, b posting) int {
		return cmp.Or(cmp.Compare(a.roomID, b.roomID), cmp.Compare(a.userID, b.userID))
	})
	return g.store.dialect.lockPosts(g, slices.Compact(ids), slices.Compact(posts))
}

// closedRooms are the direct keys of those rooms whose two users have a block between them. Blocks are read after the
// rooms were locked, which those who block wait for; a group without a direct room pays nothing.
func (g *groupTx) closedRooms(rooms map[int64]*roomRow) (map[string]bool, error) {
	var keys []string
	for _, r := range rooms {
		if r.DirectKey != nil {
			keys = append(keys, *r.DirectKey)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return closedKeys(g.DB, keys)
}

// admissible is the room and the sender's names, or why the send is refused.
func (g *groupTx) admissible(p *send, rooms map[int64]*roomRow, senders map[posting]models.UserRef, closed map[string]bool) (*roomRow, models.UserRef, error) {
	room, known := rooms[p.roomID]
	sender, member := senders[p.posting()]
	switch {
	case known && member && closed[value(room.DirectKey)]:
		return nil, sender, blockedError()
	case known && member:
		return room, sender, nil
	}
	if _, err := asMember(g.DB, models.RoomPath{ID: p.roomID}, p.callerID); err != nil {
		return nil, sender, err
	}
	return nil, sender, models.NotFound()
}

// fits checks what a message refers to.
func (p *send) fits(room *roomRow, files map[string]*fileRow) error {
	if to := p.n.ReplyTo; to != nil && (*to <= room.ClearedID || *to > room.LastMessageID) {
		return models.Invalid("reply_to", "there is no message %d in this room", *to)
	}
	return p.attachable(files)
}

// next makes the room's next message. Times never go back within a room, whatever the clocks of the nodes say: history
// by time relies on it.
func (p *send) next(room *roomRow, sender models.UserRef) models.Message {
	room.LastMessageID++
	room.MessageCount++
	room.LastMessageAt = max(room.LastMessageAt, models.Now().Millis())
	m := models.Message{
		ID: room.LastMessageID, RoomID: room.ID, Subject: room.Subject, Sender: sender, Type: p.n.Type, Text: p.n.Text,
		Files: []models.File{}, Reactions: []models.Reaction{}, ClientID: value(p.n.ClientID),
		CreatedAt: models.FromMillis(room.LastMessageAt),
	}
	if m.Type == "" {
		m.Type = models.MessageText
	}
	if p.n.ReplyTo != nil {
		m.ReplyTo = *p.n.ReplyTo
	}
	return m
}

// seal makes the message's JSON, after which nothing in it changes any more.
func (p *send) seal(m models.Message) {
	const around = 256 // bytes of JSON around a text that needs no escapes
	p.sent = models.SentMessage{Message: m, JSON: append(m.AppendJSON(make([]byte, 0, len(m.Text)+around)), '\n')}
}

// refuse leaves in p why it is not stored, and gives its key back: a call that failed may be made again.
func (g *groupTx) refuse(p *send, why error) error {
	if !isRefusal(why) {
		return why
	}
	p.err = why
	if p.once == nil {
		return nil
	}
	return g.Exec("DELETE FROM idempotency_keys WHERE caller_id = ? AND path = ? AND key = ?",
		p.once.CallerID, p.once.Path, p.once.Key).Error
}

// posted is what a group stores.
type posted struct {
	sends []*send
	rooms map[int64]*roomRow // with their new counts and newest messages
	seen  map[posting]int64  // what each sender's seen_count grows by
}

func newPosted(most int) *posted {
	return &posted{sends: make([]*send, 0, most), rooms: map[int64]*roomRow{}, seen: make(map[posting]int64, most)}
}

func (w *posted) add(p *send, room *roomRow) {
	w.sends = append(w.sends, p)
	w.rooms[room.ID] = room
	w.seen[p.posting()]++
}

// commit stores what is posted, and answers the events that tell of it.
func (g *groupTx) commit(w *posted) ([]models.LogEntry, error) {
	last, err := g.store.dialect.commitPosts(g, w)
	if err != nil {
		return nil, err
	}
	g.done = true
	entries := make([]models.LogEntry, len(w.sends))
	for i, p := range w.sends {
		position := last - int64(len(w.sends)-1-i)
		p.at = g.store.at(position)
		entries[i] = p.entry(position)
	}
	return entries, nil
}

// entry is the event that tells of the message.
func (p *send) entry(position int64) models.LogEntry {
	return models.LogEntry{
		Position: position, Name: models.EventMessageCreated, MessageID: p.sent.Message.ID,
		Data:     p.sent.JSON[:len(p.sent.JSON)-1],
		Audience: models.Audience{RoomID: p.roomID, UserID: p.callerID},
	}
}
