package api

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// Runs that take seconds. -rapid.checks asks for more; what failed is told by its shrunk steps, and not by a file in
// the tree, since a run's users and rooms are gone with its database.
func init() {
	for name, value := range map[string]string{"rapid.checks": "15", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}

// TestRoomsAgreeWithModel lets users join, leave, write, edit, delete, react, pin, read, clear, be banned, and upload
// and download files in two rooms, in whatever order chance has it. After each step the rooms must be as a plain model
// of them in memory is, to the last number.
func TestRoomsAgreeWithModel(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		c := harness.NewClient(t, s.URL)
		rapid.Check(t, func(rt *rapid.T) {
			w := newWorld(&harness.Client{T: shrinkable{t, rt}, HTTP: c.HTTP, URL: c.URL})
			rt.Repeat(map[string]func(*rapid.T){
				"join": w.join, "leave": w.leave, "send": w.send, "send more": w.send, "edit": w.edit, "delete": w.remove,
				"read": w.read, "clear": w.clear, "ban": w.ban, "lift a ban": w.liftBan, "set a role": w.setRole,
				"react": w.react, "take a reaction back": w.unreact, "pin": w.pin, "page": w.page, "upload": w.upload, "send files": w.sendFiles, "download": w.download, "": w.check,
			})
		})
	})
}

// shrinkable passes a client's failures on to rapid, which then looks for the fewest steps that lead there.
type shrinkable struct {
	testing.TB
	run *rapid.T
}

func (s shrinkable) Helper()                           {}
func (s shrinkable) Errorf(format string, args ...any) { s.run.Errorf(format, args...) }
func (s shrinkable) Fatalf(format string, args ...any) { s.run.Fatalf(format, args...) }
func (s shrinkable) Error(args ...any)                 { s.run.Error(args...) }
func (s shrinkable) Fatal(args ...any)                 { s.run.Fatal(args...) }
func (s shrinkable) Failed() bool                      { return s.run.Failed() }

// world is what the model knows. The first of its users owns the rooms.
type world struct {
	users   []*harness.Client
	rooms   []*modelRoom
	files   []*modelFile
	touched *modelRoom // by the last step
}

type modelRoom struct {
	id       int64
	messages []modelMessage // message n is the one at n-1
	cleared  int64          // the messages up to here are gone
	members  map[int]*modelMember
	banned   map[int]bool
}

type modelMessage struct {
	sender          int
	text            string
	files           []string
	edited, deleted bool
	pinned          bool
	reactions       map[string]map[int]bool // by emoji, of users
}

type modelMember struct {
	role     models.Role
	lastRead int64
}

func newWorld(c *harness.Client) *world {
	w := &world{}
	for i := range 4 {
		w.users = append(w.users, c.NewGuest(fmt.Sprint("user", i)))
	}
	for range 2 {
		w.rooms = append(w.rooms, &modelRoom{
			id: w.users[0].CreatePublicRoom().ID, members: map[int]*modelMember{0: {role: models.RoleOwner}}, banned: map[int]bool{},
		})
	}
	return w
}

func (r *modelRoom) last() int64 { return int64(len(r.messages)) }

// count is how many messages there are that are neither deleted nor cleared, and that pass.
func (r *modelRoom) count(pass func(id int64, m modelMessage) bool) (n int64) {
	for i, m := range r.messages {
		if id := int64(i + 1); id > r.cleared && !m.deleted && pass(id, m) {
			n++
		}
	}
	return n
}

// refusal is why the user may do nothing in the room; "" for a member.
func (r *modelRoom) refusal(user int) models.Code {
	switch {
	case r.members[user] != nil:
		return ""
	case r.banned[user]:
		return models.CodeBanned
	}
	return models.CodeForbidden
}

func (r *modelRoom) moderates(user int) bool { return r.members[user].role.Moderates() }

// find is a message, or why there is none for the user.
func (r *modelRoom) find(user int, id int64) (*modelMessage, models.Code) {
	if refusal := r.refusal(user); refusal != "" {
		return nil, refusal
	}
	if id <= r.cleared || id > r.last() {
		return nil, models.CodeNotFound
	}
	return &r.messages[id-1], ""
}

func (r *modelRoom) enter(user int, role models.Role) {
	if r.members[user] == nil {
		r.members[user] = &modelMember{lastRead: r.last()} // what is there counts as read
	}
	r.members[user].role = role
}

// The steps. Each draws where, who and what, asks the server, wants the answer that the model has, and changes the
// model.

func (w *world) draw(rt *rapid.T) (r *modelRoom, user int) {
	w.touched = rapid.SampledFrom(w.rooms).Draw(rt, "room")
	return w.touched, rapid.IntRange(0, len(w.users)-1).Draw(rt, "user")
}

// drawOther is draw for what is done to somebody who is not the owner.
func (w *world) drawOther(rt *rapid.T) (r *modelRoom, user int) {
	w.touched = rapid.SampledFrom(w.rooms).Draw(rt, "room")
	return w.touched, rapid.IntRange(1, len(w.users)-1).Draw(rt, "other")
}

// drawID is a message's number, or the one after the last.
func (r *modelRoom) drawID(rt *rapid.T) int64 {
	return rapid.Int64Range(1, r.last()+1).Draw(rt, "message")
}

func drawText(rt *rapid.T) string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "text") }

// wasAccepted reports whether the step took place, and wants the answer to say the same.
func wasAccepted(a *harness.Response, good int, refusal models.Code) bool {
	a.T.Helper()
	if refusal != "" {
		a.ExpectProblem(harness.StatusesOfCodes[refusal], refusal)
		return false
	}
	a.ExpectStatus(good)
	return true
}

func (w *world) join(rt *rapid.T) {
	r, user := w.draw(rt)
	refusal := r.refusal(user)
	if refusal == models.CodeForbidden {
		refusal = "" // anybody may join who is not banned
	}
	a := w.users[user].Call("PUT", harness.RoomPath(r.id)+"/members/me", nil)
	if wasAccepted(a, 200, refusal) && r.members[user] == nil {
		r.enter(user, models.RoleMember)
	}
}

func (w *world) leave(rt *rapid.T) {
	r, user := w.drawOther(rt)
	refusal := r.refusal(user)
	if refusal == models.CodeForbidden {
		refusal = "" // who is no member stays so
	}
	if wasAccepted(w.users[user].Call("DELETE", harness.RoomPath(r.id)+"/members/me", nil), 204, refusal) {
		delete(r.members, user)
	}
}

func (w *world) send(rt *rapid.T) {
	r, user := w.draw(rt)
	text := drawText(rt)
	a := w.users[user].Call("POST", harness.RoomPath(r.id)+"/messages", models.NewMessage{Text: text})
	if !wasAccepted(a, 201, r.refusal(user)) {
		return
	}
	r.messages = append(r.messages, modelMessage{sender: user, text: text})
	var m models.Message
	a.Decode(&m)
	if m.ID != r.last() {
		rt.Errorf("message %d was sent where %d was due", m.ID, r.last())
	}
}

func (w *world) edit(rt *rapid.T) {
	r, user := w.draw(rt)
	id, text := r.drawID(rt), drawText(rt)
	m, refusal := r.find(user, id)
	switch {
	case refusal != "":
	case m.sender != user:
		refusal = models.CodeForbidden
	case m.deleted:
		refusal = models.CodeNotFound
	}
	a := w.users[user].Call("PATCH", harness.MessagePath(models.Message{RoomID: r.id, ID: id}), models.MessageEdit{Text: text})
	if wasAccepted(a, 200, refusal) && m.text != text {
		m.text, m.edited = text, true
	}
}

func (w *world) remove(rt *rapid.T) {
	r, user := w.draw(rt)
	id := r.drawID(rt)
	m, refusal := r.find(user, id)
	if refusal == "" && m.sender != user && !r.moderates(user) {
		refusal = models.CodeForbidden
	}
	if wasAccepted(w.users[user].Call("DELETE", harness.MessagePath(models.Message{RoomID: r.id, ID: id}), nil), 204, refusal) {
		*m = modelMessage{sender: m.sender, edited: m.edited, deleted: true}
	}
}

func (w *world) read(rt *rapid.T) {
	r, user := w.draw(rt)
	id := r.drawID(rt)
	refusal := r.refusal(user)
	if refusal == "" && id > r.last() {
		refusal = models.CodeInvalidRequest
	}
	if wasAccepted(w.users[user].Call("PUT", harness.RoomPath(r.id)+"/read", models.ReadMark{MessageID: id}), 200, refusal) {
		r.members[user].lastRead = max(r.members[user].lastRead, id)
	}
}

func (w *world) clear(rt *rapid.T) {
	r, user := w.draw(rt)
	refusal := r.refusal(user)
	if refusal == "" && !r.moderates(user) {
		refusal = models.CodeForbidden
	}
	if wasAccepted(w.users[user].Call("DELETE", harness.RoomPath(r.id)+"/messages", nil), 204, refusal) {
		r.cleared = r.last()
	}
}

func (w *world) ban(rt *rapid.T) {
	r, user := w.drawOther(rt)
	w.users[0].Call("PUT", harness.BanPath(r.id, w.users[user]), models.NewBan{}).ExpectStatus(200)
	delete(r.members, user)
	r.banned[user] = true
}

func (w *world) liftBan(rt *rapid.T) {
	r, user := w.drawOther(rt)
	w.users[0].Call("DELETE", harness.BanPath(r.id, w.users[user]), nil).ExpectStatus(204)
	r.banned[user] = false
}

func (w *world) setRole(rt *rapid.T) {
	r, user := w.drawOther(rt)
	role := rapid.SampledFrom([]models.Role{models.RoleMember, models.RoleModerator}).Draw(rt, "role")
	refusal := r.refusal(user)
	if refusal == models.CodeForbidden {
		refusal = "" // who is no member becomes one
	}
	a := w.users[0].Call("PUT", harness.MemberPath(r.id, w.users[user]), models.RoleChange{Role: role})
	if wasAccepted(a, 200, refusal) {
		r.enter(user, role)
	}
}

// page reads a room page by page, in either direction.
func (w *world) page(rt *rapid.T) {
	r, _ := w.draw(rt)
	limit := rapid.IntRange(1, 5).Draw(rt, "limit")
	forwards := rapid.Bool().Draw(rt, "forwards")
	query := fmt.Sprintf("limit=%d", limit)
	if forwards {
		query += "&after=1"
	}
	pages := historyIDs(w.users[0], r.id, query)
	if !forwards {
		slices.Reverse(pages)
	}
	from := r.cleared + 1
	if forwards {
		from = max(from, 2)
	}
	if got, want := slices.Concat(pages...), span(from, r.last()); !slices.Equal(got, want) {
		rt.Errorf("%s of room %d: %v, wanted %v", query, r.id, got, want)
	}
}

// check compares both rooms, as each user sees them, and the history of the one that the step was in with the model.
func (w *world) check(rt *rapid.T) {
	for user, c := range w.users {
		list := harness.Get[models.Page[models.Room]](c, "/v1/rooms").Items
		for _, r := range w.rooms {
			i := slices.IndexFunc(list, func(room models.Room) bool { return room.ID == r.id })
			m := r.members[user]
			if (i >= 0) != (m != nil) {
				rt.Errorf("user %d in room %d: listed %v, model %v", user, r.id, i >= 0, m)
			} else if m != nil {
				r.compare(rt, user, list[i])
			}
		}
	}
	if w.touched != nil {
		w.compareHistory(rt, w.touched)
		w.comparePins(rt, w.touched)
		w.checkFiles()
	}
}

func (r *modelRoom) compare(rt *rapid.T, user int, room models.Room) {
	me := r.members[user]
	unread := r.count(func(id int64, m modelMessage) bool { return id > me.lastRead && m.sender != user })
	all := r.count(func(int64, modelMessage) bool { return true })
	want := fmt.Sprint(len(r.members), all, r.last(), me.role, me.lastRead, unread)
	m := room.Membership
	if got := fmt.Sprint(room.MemberCount, room.MessageCount, room.LastMessageID, m.Role, m.LastReadID, m.UnreadCount); got != want {
		rt.Errorf("to user %d, room %d has members, messages, newest; and they are, have read, have unread:\n%s, but in the model\n%s", user, r.id, got, want)
	}
}

func (w *world) compareHistory(rt *rapid.T, r *modelRoom) {
	page := harness.Get[models.Page[models.Message]](w.users[0], harness.RoomPath(r.id)+"/messages?limit=200").Items
	var got, want []string
	for _, m := range page {
		var files []string
		for _, f := range m.Files {
			files = append(files, f.ID)
		}
		got = append(got, fmt.Sprint(m.ID, m.Sender.ID, m.Text, files, !m.EditedAt.IsZero(), !m.DeletedAt.IsZero(), listedReactions(m)))
	}
	for i, m := range r.messages {
		if id := int64(i + 1); id > r.cleared {
			want = append(want, fmt.Sprint(id, w.users[m.sender].User.ID, m.text, m.files, m.edited, m.deleted, m.listed(0)))
		}
	}
	if want = want[max(0, len(want)-200):]; !slices.Equal(got, want) {
		rt.Errorf("the history of room %d is\n%q, in the model\n%q", r.id, got, want)
	}
}

// TestCountsUnderConcurrency lets the members of one room write, edit, delete, read, clear, leave and come back at the
// same time. When all are done, each one's counts must be what the history says.
func TestCountsUnderConcurrency(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreatePublicRoom()
		users := []*harness.Client{owner}
		for i := range 7 {
			users = append(users, owner.NewGuestNamed(fmt.Sprint("user-", i)))
			users[i+1].JoinRoom(room.ID)
		}
		owner.AddMember(room.ID, users[1], models.RoleModerator)
		var busy sync.WaitGroup
		for _, u := range users {
			busy.Go(func() {
				for range 60 {
					meddle(t, u, room.ID, u == owner)
				}
			})
		}
		busy.Wait()

		history := owner.AllMessages(room.ID)
		for _, u := range users {
			got := u.GetRoom(room.ID)
			if got.Membership == nil { // left last
				continue
			}
			var all, unread int64
			for _, m := range history {
				if m.DeletedAt.IsZero() {
					all++
					if m.ID > got.Membership.LastReadID && m.Sender.ID != u.User.ID {
						unread++
					}
				}
			}
			if got.MessageCount != all || got.Membership.UnreadCount != unread {
				t.Errorf("%s: %d messages, %d of them unread; the history has %d and %d",
					u.User.Username, got.MessageCount, got.Membership.UnreadCount, all, unread)
			}
		}
		members := harness.Get[models.Page[models.Member]](owner, harness.RoomPath(room.ID)+"/members?limit=200").Items
		if got := owner.GetRoom(room.ID); got.MemberCount != int64(len(members)) {
			t.Errorf("%d members are counted, %d listed", got.MemberCount, len(members))
		}
		if got := owner.GetRoom(room.ID); len(history) > 0 && got.LastMessageID != history[len(history)-1].ID {
			t.Errorf("the newest message is %d, the last of the history %d", got.LastMessageID, history[len(history)-1].ID)
		}
	})
}

// meddle does one thing at random. Whatever it is, it may be refused, since another may have been faster.
func meddle(t *testing.T, c *harness.Client, roomID int64, isOwner bool) {
	path := harness.RoomPath(roomID)
	last := c.GetRoom(roomID).LastMessageID
	one := models.Message{RoomID: roomID, ID: max(1, last-rand.Int64N(20))}
	do := func(method, path string, body any) {
		a, err := c.TryCall(t.Context(), method, path, body)
		if err != nil || a.HTTP.StatusCode >= 500 {
			t.Error(a, err)
		}
	}
	switch n := rand.IntN(100); {
	case n < 40:
		do("POST", path+"/messages", models.NewMessage{Text: "text"})
	case n < 60:
		do("DELETE", harness.MessagePath(one), nil)
	case n < 70:
		do("PATCH", harness.MessagePath(one), models.MessageEdit{Text: fmt.Sprint("text ", n)})
	case n < 90:
		do("PUT", path+"/read", models.ReadMark{MessageID: one.ID})
	case n < 98 && !isOwner:
		do("DELETE", path+"/members/me", nil)
		do("PUT", path+"/members/me", nil)
	case n == 99 && isOwner:
		do("DELETE", path+"/messages", nil)
	}
}
