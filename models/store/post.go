package store

import (
	"cmp"
	"errors"
	"slices"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// sendBatch is the part of a dialect that works on many rows at once: arrays on PostgreSQL, where each statement is a
// round trip; prepared statements in a loop on SQLite, where none is.
type sendBatch interface {
	// lockPosts locks the rooms, in the order of their ids, and then reads who of the posts' senders is a member. Of the
	// rooms, only what a post needs is there.
	lockPosts(tx *gorm.DB, roomIDs []int64, posts []posting) (map[int64]*roomRow, map[posting]models.UserRef, error)
	insertMessages(tx *gorm.DB, sends []*send) error
	// updateRooms stores the rooms' counts and what their newest message is.
	updateRooms(tx *gorm.DB, rooms []*roomRow) error
	// addSeen adds to the seen_count of the senders.
	addSeen(tx *gorm.DB, sent map[posting]int64) error
	insertEvents(tx *gorm.DB, entries []models.LogEntry, now int64) error
}

// posting is who sends where.
type posting struct{ roomID, userID int64 }

func (p *send) posting() posting { return posting{p.roomID, p.callerID} }

// errNoneStored ends the transaction of a group of which nothing was stored. A commit would wait for the disk, since
// rooms were locked, and thereby tell whoever was refused that there is a room.
var errNoneStored = errors.New("nothing was stored")

// post stores a group of sends and tells of them, in the group's order within each room. What is wrong with one send is
// left in its err and fails no other; an error that it returns fails the transaction.
func (c *change) post(group []*send) error {
	ready, err := c.claimAll(group)
	if err != nil {
		return err
	}
	if len(ready) == 0 {
		return errNoneStored
	}
	rooms, senders, err := c.lockPosts(ready)
	if err != nil {
		return err
	}
	closed, err := c.closedRooms(rooms)
	if err != nil {
		return err
	}
	files, err := c.lockFiles(ready)
	if err != nil {
		return err
	}
	var stored []*send
	touched := map[int64]*roomRow{}
	sent := map[posting]int64{}
	for _, p := range ready {
		room, sender, err := c.admissible(p, rooms, senders, closed)
		if err == nil {
			err = p.fits(room, files)
		}
		if err != nil {
			if err := c.refuse(p, err); err != nil {
				return err
			}
			continue
		}
		p.message = p.next(room, sender)
		if err := c.attach(&p.message, p.n.FileIDs, files); err != nil {
			return err
		}
		touched[room.ID] = room
		sent[p.posting()]++
		stored = append(stored, p)
		if err := c.tellPost(p); err != nil {
			return err
		}
	}
	if len(stored) == 0 {
		return errNoneStored
	}
	return c.storePosts(stored, touched, sent)
}

// claimAll takes the Idempotency-Keys of the group, in the order of the keys: two nodes that took them crosswise would
// wait for each other. It answers the sends that are to be stored.
func (c *change) claimAll(group []*send) ([]*send, error) {
	var keyed, ready []*send
	for _, p := range group {
		p.message, p.at, p.err = models.Message{}, models.Cursor{}, p.ctx.Err()
		if p.err == nil && p.once != nil {
			keyed = append(keyed, p)
		}
	}
	slices.SortFunc(keyed, func(a, b *send) int {
		return cmp.Or(cmp.Compare(a.once.CallerID, b.once.CallerID), cmp.Compare(a.once.Path, b.once.Path),
			cmp.Compare(a.once.Key, b.once.Key))
	})
	for _, p := range keyed {
		if err := c.store.claim(c.DB, p.once); isRefusal(err) {
			p.err = err
		} else if err != nil {
			return nil, err
		}
	}
	for _, p := range group {
		if p.err == nil {
			ready = append(ready, p)
		}
	}
	return ready, nil
}

func (c *change) lockPosts(ready []*send) (map[int64]*roomRow, map[posting]models.UserRef, error) {
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
	return c.store.dialect.lockPosts(c.DB, slices.Compact(ids), slices.Compact(posts))
}

// closedRooms are the direct keys of those rooms whose two users have a block between them. Blocks are read after the
// rooms were locked, which those who block wait for; a group without a direct room pays nothing.
func (c *change) closedRooms(rooms map[int64]*roomRow) (map[string]bool, error) {
	var keys []string
	for _, r := range rooms {
		if r.DirectKey != nil {
			keys = append(keys, *r.DirectKey)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return closedKeys(c.DB, keys)
}

// admissible is the room and the sender's names, or why the send is refused.
func (c *change) admissible(p *send, rooms map[int64]*roomRow, senders map[posting]models.UserRef, closed map[string]bool) (*roomRow, models.UserRef, error) {
	room, known := rooms[p.roomID]
	sender, member := senders[p.posting()]
	switch {
	case known && member && closed[value(room.DirectKey)]:
		return nil, sender, blockedError()
	case known && member:
		return room, sender, nil
	}
	if _, err := asMember(c.DB, models.RoomPath{ID: p.roomID}, p.callerID); err != nil {
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

func (c *change) tellPost(p *send) error {
	err := c.tell(models.EventMessageCreated, models.Audience{RoomID: p.roomID, UserID: p.callerID}, p.message)
	if err != nil {
		return err
	}
	c.whenPlaced(func(position int64) error {
		p.at = c.store.at(position)
		if p.once == nil {
			return nil
		}
		return keepAnswer(c.DB, p.once, p.message, position)
	})
	return nil
}

// refuse leaves in p why it is not stored, and gives its key back: a call that failed may be made again.
func (c *change) refuse(p *send, why error) error {
	if !isRefusal(why) {
		return why
	}
	p.err = why
	if p.once == nil {
		return nil
	}
	return c.Exec("DELETE FROM idempotency_keys WHERE caller_id = ? AND path = ? AND key = ?",
		p.once.CallerID, p.once.Path, p.once.Key).Error
}

func (c *change) storePosts(stored []*send, touched map[int64]*roomRow, sent map[posting]int64) error {
	d := c.store.dialect
	if err := d.insertMessages(c.DB, stored); err != nil {
		return err
	}
	rooms := make([]*roomRow, 0, len(touched))
	for _, r := range touched {
		rooms = append(rooms, r)
	}
	if err := d.updateRooms(c.DB, rooms); err != nil {
		return err
	}
	return d.addSeen(c.DB, sent)
}
