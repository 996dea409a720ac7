package store

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/models"
)

// Runs take seconds. Use -rapid.checks for longer ones.
func init() {
	for name, value := range map[string]string{"rapid.checks": "10", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}

func openStore(t testing.TB, name string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Config{
		Database: name, Retention: time.Hour, Committed: func([]models.LogEntry) {}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestUnreadAgreesWithModel lets members send, delete, read, clear, leave, join again, block each other and delete
// their accounts, in a room whose ids soon pass the end of a chunk of deletion_tallies on each level. After each step,
// each member's counts must be equal to those of a model that counts all messages.
func TestUnreadAgreesWithModel(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		s := openStore(t, name)
		rapid.Check(t, func(rt *rapid.T) {
			r := newCountedRoom(rt, s, 1<<16-600)
			rt.Repeat(map[string]func(*rapid.T){
				"send": r.send, "send together": r.sendTogether, "delete": r.delete, "delete more": r.delete,
				"delete a run": r.deleteRun, "read": r.read, "read more": r.read, "clear": r.clear, "leave": r.leave,
				"join": r.join, "delete an account": r.deleteAccount, "block": r.block, "block more": r.block,
				"unblock": r.unblock, "": r.check,
			})
		})
	})
}

// countedRoom is a room and its model.
type countedRoom struct {
	s        *Store
	path     models.RoomPath
	first    int64 // the id of messages[0]
	messages []countedMessage
	cleared  int64
	owner    int64
	marks    map[int64]int64 // the last read ids of the members
	left     []int64
	blocks   map[[2]int64]bool // pairs of blocker and blocked user
}

type countedMessage struct {
	sender  int64
	deleted bool
}

func newCountedRoom(rt *rapid.T, s *Store, cleared int64) *countedRoom {
	r := &countedRoom{s: s, first: cleared + 1, cleared: cleared, marks: map[int64]int64{}, blocks: map[[2]int64]bool{}}
	r.owner = r.newUser(rt)
	room, _, err := s.CreateRoom(context.Background(), r.owner, models.NewRoom{Name: ptr("counted")}, nil)
	r.must(rt, err)
	r.path.ID, r.marks[r.owner] = room.ID, 0
	r.must(rt, s.writer.Exec("UPDATE rooms SET last_message_id = ?, cleared_id = ? WHERE id = ?", cleared, cleared,
		room.ID).Error)
	for range 3 {
		r.enter(rt, r.newUser(rt))
	}
	return r
}

func ptr[T any](v T) *T { return &v }

func (r *countedRoom) must(rt *rapid.T, err error) {
	rt.Helper()
	if err != nil {
		rt.Fatal(err)
	}
}

func (r *countedRoom) newUser(rt *rapid.T) int64 {
	name := "u" + rand.Text()
	row := userRow{Username: name, UsernameKey: name, DisplayName: name}
	r.must(rt, r.s.writer.Create(&row).Error)
	return row.ID
}

func (r *countedRoom) enter(rt *rapid.T, userID int64) {
	_, _, err := r.s.Join(context.Background(), userID, r.path)
	r.must(rt, err)
	r.marks[userID] = r.last()
}

func (r *countedRoom) last() int64                       { return r.first + int64(len(r.messages)) - 1 }
func (r *countedRoom) cursorAt(id int64) *countedMessage { return &r.messages[id-r.first] }
func (r *countedRoom) members() []int64                  { return slices.Sorted(maps.Keys(r.marks)) }
func (r *countedRoom) drawMember(rt *rapid.T) int64 {
	return rapid.SampledFrom(r.members()).Draw(rt, "user")
}
func (r *countedRoom) drawMessage(rt *rapid.T) int64 {
	return rapid.Int64Range(r.cleared+1, r.last()).Draw(rt, "id")
}

func (r *countedRoom) send(rt *rapid.T) {
	r.sendFrom(rt, []int64{r.drawMember(rt)}, rapid.SampledFrom([]int{1, 2, 300}).Draw(rt, "messages"))
}

func (r *countedRoom) sendTogether(rt *rapid.T) {
	r.sendFrom(rt, r.members(), rapid.IntRange(1, 60).Draw(rt, "messages each"))
}

// sendFrom sends all messages concurrently, so in any order.
func (r *countedRoom) sendFrom(rt *rapid.T, users []int64, each int) {
	var wait sync.WaitGroup
	sent := make(chan models.Message, len(users)*each)
	for _, userID := range users {
		for range each {
			wait.Go(func() {
				m, _, err := r.s.Send(context.Background(), userID, r.path, models.NewMessage{Text: "text"}, nil)
				if err != nil {
					rt.Error(err)
				}
				sent <- m.Message
			})
		}
	}
	wait.Wait()
	r.messages = append(r.messages, make([]countedMessage, len(users)*each)...)
	for range len(users) * each {
		m := <-sent
		r.cursorAt(m.ID).sender = m.Sender.ID
	}
}

func (r *countedRoom) delete(rt *rapid.T) {
	if r.cleared == r.last() {
		return
	}
	id := r.drawMessage(rt)
	_, err := r.s.DeleteMessage(context.Background(), r.owner, r.path, id, models.Condition{})
	r.must(rt, err)
	r.cursorAt(id).deleted = true
}

// deleteRun deletes messages of one sender together, as the deletion of an account does.
func (r *countedRoom) deleteRun(rt *rapid.T) {
	if r.cleared == r.last() {
		return
	}
	from := r.drawMessage(rt)
	sender, most := r.cursorAt(from).sender, rapid.IntRange(1, 200).Draw(rt, "at most")
	var ids []int64
	for id := from; id <= r.last() && len(ids) < most; id++ {
		if m := r.cursorAt(id); m.sender == sender && !m.deleted {
			m.deleted = true
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	_, err := r.s.write(context.Background(), func(tx *transaction) error {
		if err := tx.lockRoom(r.path); err != nil {
			return err
		}
		return tx.tombstone(r.path.ID, sender, ids, models.UserRef{ID: r.owner})
	})
	r.must(rt, err)
}

func (r *countedRoom) read(rt *rapid.T) {
	userID := r.drawMember(rt)
	id := rapid.Int64Range(1, r.last()).Draw(rt, "id")
	if rapid.Bool().Draw(rt, "new") && r.cleared < r.last() {
		id = r.drawMessage(rt)
	}
	m, _, err := r.s.MarkRead(context.Background(), userID, r.path, models.ReadMark{MessageID: id})
	r.must(rt, err)
	r.marks[userID] = max(r.marks[userID], id)
	if want := r.unread(userID); m.UnreadCount != want || m.LastReadID != r.marks[userID] {
		rt.Errorf("reading up to %d: got last read %d and %d unread, want %d and %d", id, m.LastReadID, m.UnreadCount,
			r.marks[userID], want)
	}
}

// clear also purges the cleared messages, or leaves that to a later step.
func (r *countedRoom) clear(rt *rapid.T) {
	_, err := r.s.ClearHistory(context.Background(), r.owner, r.path)
	r.must(rt, err)
	r.cleared = r.last()
	if rapid.Bool().Draw(rt, "purge") {
		r.s.runJobs(context.Background())
	}
}

func (r *countedRoom) leave(rt *rapid.T) {
	userID := r.drawMember(rt)
	if userID == r.owner {
		return
	}
	_, err := r.s.Leave(context.Background(), userID, r.path)
	r.must(rt, err)
	delete(r.marks, userID)
	r.left = append(r.left, userID)
	if rapid.Bool().Draw(rt, "and join again") {
		r.enter(rt, userID)
		r.left = r.left[:len(r.left)-1]
		r.sendFrom(rt, []int64{userID}, 2)
	}
}

// join lets a former member or a new user join.
func (r *countedRoom) join(rt *rapid.T) {
	if len(r.left) == 0 {
		r.enter(rt, r.newUser(rt))
		return
	}
	i := rapid.IntRange(0, len(r.left)-1).Draw(rt, "former member")
	r.enter(rt, r.left[i])
	r.left = slices.Delete(r.left, i, i+1)
}

func (r *countedRoom) deleteAccount(rt *rapid.T) {
	userID := r.drawMember(rt)
	if userID == r.owner {
		return
	}
	r.must(rt, r.s.DeleteAccount(context.Background(), userID, models.Condition{}))
	for left := 1; left > 0; { // the janitor may do it at the same time
		r.s.runJobs(context.Background())
		r.must(rt, r.s.reader.Raw("SELECT count(*) FROM departures WHERE user_id = ?", userID).Scan(&left).Error)
	}
	delete(r.marks, userID)
	maps.DeleteFunc(r.blocks, func(b [2]int64, _ bool) bool { return b[0] == userID || b[1] == userID })
	for i := range r.messages {
		r.messages[i].deleted = r.messages[i].deleted || r.messages[i].sender == userID
	}
}

// block blocks a sender, who may have left the room.
func (r *countedRoom) block(rt *rapid.T) {
	userID := r.drawMember(rt)
	other := rapid.SampledFrom(append(r.members(), r.left...)).Draw(rt, "blocked user")
	if other == userID {
		return
	}
	_, err := r.s.Block(context.Background(), userID, models.UserPath{ID: other})
	r.must(rt, err)
	r.blocks[[2]int64{userID, other}] = true
}

func (r *countedRoom) unblock(rt *rapid.T) {
	for _, b := range slices.SortedFunc(maps.Keys(r.blocks), func(a, b [2]int64) int {
		return slices.Compare(a[:], b[:])
	}) {
		if rapid.Bool().Draw(rt, "this one") {
			r.must(rt, r.s.Unblock(context.Background(), b[0], models.UserPath{ID: b[1]}))
			delete(r.blocks, b)
			return
		}
	}
}

// count returns the number of messages after an id that are neither deleted nor cleared, without those of one sender.
func (r *countedRoom) count(after, but int64) (n int64) {
	for i, m := range r.messages {
		if r.first+int64(i) > max(after, r.cleared) && !m.deleted && m.sender != but {
			n++
		}
	}
	return n
}

// unread returns the number of unread messages, without those of the user and of users that they have blocked.
func (r *countedRoom) unread(userID int64) int64 {
	after := r.marks[userID]
	n := r.count(after, userID)
	for b := range r.blocks {
		if b[0] == userID {
			n -= r.count(after, 0) - r.count(after, b[1])
		}
	}
	return n
}

// checkSenders compares the number of each sender's messages after some ids, of members and former members.
func (r *countedRoom) checkSenders(rt *rapid.T) {
	for _, userID := range append(r.members(), r.left...) {
		for _, after := range []int64{r.cleared, (r.cleared + r.last()) / 2} {
			var sent, live int64
			r.must(rt, r.s.reader.Raw(sentStatement, userID, userID, r.path.ID).Scan(&sent).Error)
			r.must(rt, r.s.reader.Raw("SELECT COALESCE(("+liveAfter("CAST(@sender AS BIGINT)", "@sent",
				"@after")+"), 0) FROM rooms r WHERE r.id = @room",
				map[string]any{"sender": userID, "sent": sent, "after": after, "room": r.path.ID}).Scan(&live).Error)
			if want := r.count(after, 0) - r.count(after, userID); live != want {
				rt.Fatalf("user %d has %d messages after %d, want %d", userID, live, after, want)
			}
		}
	}
}

// check compares each member's counts with the model.
func (r *countedRoom) check(rt *rapid.T) {
	r.checkSenders(rt)
	ctx, all := context.Background(), r.count(0, 0)
	for userID, mark := range r.marks {
		want := fmt.Sprint(all, r.last(), mark, r.unread(userID))
		room, err := r.s.Room(ctx, userID, r.path)
		r.must(rt, err)
		list, err := r.s.Rooms(ctx, userID, models.RoomsQuery{Paging: models.Paging{Limit: 10}})
		r.must(rt, err)
		found, err := r.s.SearchRooms(ctx, userID, models.RoomSearch{Paging: models.Paging{Limit: 200},
			Prefix: ptr("counted")})
		r.must(rt, err)
		found.Items = slices.DeleteFunc(found.Items, func(one models.Room) bool { return one.ID != r.path.ID })
		for _, got := range slices.Concat([]models.Room{room}, list.Items, found.Items) {
			m := got.Membership
			if got := fmt.Sprint(got.MessageCount, got.LastMessageID, m.LastReadID, m.UnreadCount); got != want {
				rt.Fatalf("user %d: got messages, newest, last read, unread: %s, want %s", userID, got, want)
			}
		}
		unread, err := r.s.Rooms(ctx, userID, models.RoomsQuery{Paging: models.Paging{Limit: 10}, Unread: true})
		r.must(rt, err)
		if listed := len(unread.Items) > 0; listed != (r.unread(userID) > 0) || len(list.Items) != 1 || len(found.Items) > 1 {
			rt.Fatalf("user %d: listed as unread %v, %d listed, %d found", userID, listed, len(list.Items), len(found.Items))
		}
	}
}
