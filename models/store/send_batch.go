package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/parley-chat/parley/models"
)

// posting is who sends where.
type posting struct{ roomID, userID int64 }

func (p *send) posting() posting { return posting{p.roomID, p.callerID} }

// poster is a member who sends, and the number of their newest message.
type poster struct {
	models.UserRef
	sent int64
}

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
	direct, err := g.directRooms(rooms)
	if err != nil {
		return nil, err
	}
	files, err := g.lockFiles(ready)
	if err != nil {
		return nil, err
	}
	stored := newPosted(len(ready))
	for _, p := range ready {
		room, sender, err := g.admissible(p, rooms, senders, direct.closed)
		if err == nil {
			err = p.fits(room, files)
		}
		if err != nil {
			if err := g.refuse(p, err); err != nil {
				return nil, err
			}
			continue
		}
		m := p.next(room, sender.UserRef)
		sender.sent++
		p.seq = sender.sent
		if err := g.attach(&m, p.n.FileIDs, files); err != nil {
			return nil, err
		}
		p.seal(m)
		stored.add(p, room)
	}
	if len(stored.sends) == 0 {
		return nil, errNoneStored
	}
	if err := g.bringBack(stored, direct.left); err != nil {
		return nil, err
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

func (g *groupTx) lockPosts(ready []*send) (map[int64]*roomRow, map[posting]*poster, error) {
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

// admissible is the room and the sender's names, or why the send is refused.
func (g *groupTx) admissible(p *send, rooms map[int64]*roomRow, senders map[posting]*poster, closed map[string]bool) (*roomRow, *poster, error) {
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
	// A message that was deleted or cleared away while the reply was written takes nothing from it.
	if to := p.n.ReplyTo; to != nil && *to > room.LastMessageID {
		return models.Invalid("reply_to", "there is no message %d in this room", *to)
	}
	return p.attachable(files)
}

// next makes the room's next message. Times never go back within a room, whatever the clocks of the nodes say: history
// by time relies on it.
func (p *send) next(room *roomRow, sender models.UserRef) models.Message {
	room.LastMessageID++
	room.MessageCount++
	p.priorActiveAt = room.ActiveAt
	room.LastMessageAt = max(room.LastMessageAt, room.ActiveAt, models.Now().Millis())
	room.ActiveAt = room.LastMessageAt
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
	sent  map[posting]int64  // how many messages each sender has among them
	last  map[int64]int64    // the number, from 1, of each room's newest message among the sends
}

func newPosted(most int) *posted {
	return &posted{
		sends: make([]*send, 0, most), rooms: map[int64]*roomRow{}, sent: make(map[posting]int64, most), last: map[int64]int64{},
	}
}

func (w *posted) add(p *send, room *roomRow) {
	w.sends = append(w.sends, p)
	w.rooms[room.ID] = room
	p.priorSend, p.priorPosition = w.last[room.ID], 0
	if p.priorSend == 0 {
		p.priorPosition = room.ActivePosition
	}
	w.last[room.ID] = int64(len(w.sends))
	w.sent[p.posting()]++
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

// lockFiles locks and reads the files that sends name; a group without any pays nothing.
func (c *change) lockFiles(sends []*send) (map[string]*fileRow, error) {
	var ids []string
	for _, p := range sends {
		ids = append(ids, p.n.FileIDs...)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []*fileRow
	err := c.Raw("SELECT "+fileColumns+" FROM files WHERE id IN ? ORDER BY id"+c.store.dialect.forUpdate(), ids).Scan(&rows).Error
	files := make(map[string]*fileRow, len(rows))
	for _, r := range rows {
		files[r.ID] = r
	}
	return files, err
}

// attachable checks the files that a message names: the sender's own, of this room, and no other message's.
func (p *send) attachable(files map[string]*fileRow) error {
	named := map[string]bool{}
	for i, id := range p.n.FileIDs {
		field := fmt.Sprintf("file_ids[%d]", i)
		f := files[id]
		switch {
		case f == nil, f.RoomID != p.roomID, f.UserID != p.callerID:
			return models.Invalid(field, "you have no file %q in this room", id)
		case f.MessageID != 0, named[id]:
			return models.Invalid(field, "the file %q belongs to a message already", id)
		case p.n.Type == models.MessageImage && f.Width == 0:
			return models.Errorf(models.CodeBadFile, "The file %q is no picture that can be read.", id)
		}
		named[id] = true
	}
	return nil
}

// attach gives the message its files.
func (c *change) attach(m *models.Message, ids []string, files map[string]*fileRow) error {
	for place, id := range ids {
		f := files[id]
		f.MessageID = m.ID
		err := c.Exec("UPDATE files SET message_id = ?, place = ? WHERE id = ?", m.ID, place, id).Error
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f.model())
	}
	return nil
}
