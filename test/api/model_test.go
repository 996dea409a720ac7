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

// The runs take seconds; -rapid.checks sets another number of them. A failure is reported by its shrunk steps, and not
// by a file in the tree, since the users and rooms of a run are lost with its database.
func init() {
	for name, value := range map[string]string{"rapid.checks": "15", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}

// TestRoomsAgreeWithModel lets users join, leave, write, edit, delete, react, pin, read, clear, be banned, and upload
// and download files in two rooms, in a random order. After each step, the rooms must be equal to a simple model in
// memory.
func TestRoomsAgreeWithModel(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		c := harness.NewClient(t, s.URL)
		rapid.Check(t, func(rt *rapid.T) {
			w := newWorld(&harness.Client{T: shrinkable{t, rt}, HTTP: c.HTTP, URL: c.URL})
			rt.Repeat(map[string]func(*rapid.T){
				"join": w.join, "leave": w.leave, "send": w.send, "send more": w.send, "edit": w.edit, "delete": w.remove,
				"read": w.read, "clear": w.clear, "ban": w.ban, "remove a ban": w.liftBan, "set a role": w.setRole,
				"react": w.react, "remove a reaction": w.unreact, "pin": w.pin, "page": w.page,
				"upload": w.upload, "send files": w.sendFiles, "download": w.download, "": w.check,
			})
		})
	})
}

// shrinkable reports a client's failures to rapid, which then searches for the fewest steps that lead to them.
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

// world is the model. The first of its users owns the rooms.
type world struct {
	users   []*harness.Client
	rooms   []*modelRoom
	files   []*modelFile
	touched *modelRoom // the room of the last step
}

// modelRoom is the model of a room.
type modelRoom struct {
	id       int64
	messages []modelMessage // message n is at the index n-1
	cleared  int64          // the last cleared message
	members  map[int]*modelMember
	banned   map[int]bool
}

// modelMessage is the model of a message.
type modelMessage struct {
	sender          int
	text            string
	files           []string
	edited, deleted bool
	pinned          bool
	reactions       map[string]map[int]bool // by emoji and user
}

// modelMember is the model of a membership.
type modelMember struct {
	role     models.Role
	lastRead int64
}

// newWorld creates the users and rooms of a run.
func newWorld(c *harness.Client) *world {
	w := &world{}
	for i := range 4 {
		w.users = append(w.users, c.NewGuest(fmt.Sprint("user", i)))
	}
	for range 2 {
		w.rooms = append(w.rooms, &modelRoom{
			id: w.users[0].CreatePublicRoom().ID, members: map[int]*modelMember{0: {role: models.RoleOwner}},
			banned: map[int]bool{},
		})
	}
	return w
}

// last returns the id of the newest message.
func (r *modelRoom) last() int64 { return int64(len(r.messages)) }

// count returns the number of messages that are neither deleted nor cleared, and that pass.
func (r *modelRoom) count(pass func(id int64, m modelMessage) bool) (n int64) {
	for i, m := range r.messages {
		if id := int64(i + 1); id > r.cleared && !m.deleted && pass(id, m) {
			n++
		}
	}
	return n
}

// refusal returns the code with which the user's requests in the room are refused, "" for a member.
func (r *modelRoom) refusal(user int) models.Code {
	switch {
	case r.members[user] != nil:
		return ""
	case r.banned[user]:
		return models.CodeBanned
	}
	return models.CodeForbidden
}

// moderates reports whether a member may moderate.
func (r *modelRoom) moderates(user int) bool { return r.members[user].role.Moderates() }

// find returns a message, or the code with which the user is refused it.
func (r *modelRoom) find(user int, id int64) (*modelMessage, models.Code) {
	if refusal := r.refusal(user); refusal != "" {
		return nil, refusal
	}
	if id <= r.cleared || id > r.last() {
		return nil, models.CodeNotFound
	}
	return &r.messages[id-1], ""
}

// enter gives a user a role, and a membership if they have none.
func (r *modelRoom) enter(user int, role models.Role) {
	if r.members[user] == nil {
		r.members[user] = &modelMember{lastRead: r.last()} // earlier messages count as read
	}
	r.members[user].role = role
}

// The steps follow. Each draws a room, a user and the rest of a request, sends it to the server, expects the response
// that the model has, and changes the model.

// draw draws a room and a user.
func (w *world) draw(rt *rapid.T) (r *modelRoom, user int) {
	w.touched = rapid.SampledFrom(w.rooms).Draw(rt, "room")
	return w.touched, rapid.IntRange(0, len(w.users)-1).Draw(rt, "user")
}

// drawOther draws a room and a user who is not the owner.
func (w *world) drawOther(rt *rapid.T) (r *modelRoom, user int) {
	w.touched = rapid.SampledFrom(w.rooms).Draw(rt, "room")
	return w.touched, rapid.IntRange(1, len(w.users)-1).Draw(rt, "other")
}

// drawID draws the id of a message, or the id after the last one.
func (r *modelRoom) drawID(rt *rapid.T) int64 {
	return rapid.Int64Range(1, r.last()+1).Draw(rt, "message")
}

// drawText draws the text of a message.
func drawText(rt *rapid.T) string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "text") }

// wasAccepted reports whether the model accepts the request, and checks that the response agrees.
func wasAccepted(a *harness.Response, good int, refusal models.Code) bool {
	a.T.Helper()
	if refusal != "" {
		a.ExpectProblem(harness.StatusByCode[refusal], refusal)
		return false
	}
	a.ExpectStatus(good)
	return true
}

func (w *world) join(rt *rapid.T) {
	r, user := w.draw(rt)
	refusal := r.refusal(user)
	if refusal == models.CodeForbidden {
		refusal = "" // every user who is not banned may join
	}
	a := w.users[user].Call("PUT", harness.RoomPath(r.id)+"/members/me", nil)
	if wasAccepted(a, 200, refusal) && r.members[user] == nil {
		r.enter(user, models.RoleMember)
	}
}

func (w *world) leave(rt *rapid.T) {
	r, user := w.drawOther(rt)
	w.users[user].Call("DELETE", harness.RoomPath(r.id)+"/members/me", nil).ExpectStatus(204) // also of no member
	delete(r.members, user)
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
		rt.Errorf("got the message id %d, want %d", m.ID, r.last())
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
	a := w.users[user].Call("PATCH", harness.MessagePath(models.Message{RoomID: r.id, ID: id}),
		models.MessageEdit{Text: text})
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
	if refusal == models.CodeNotFound {
		m, refusal = &modelMessage{}, "" // to delete what is not there has no effect
	}
	a := w.users[user].Call("DELETE", harness.MessagePath(models.Message{RoomID: r.id, ID: id}), nil)
	if wasAccepted(a, 204, refusal) {
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
	a := w.users[user].Call("PUT", harness.RoomPath(r.id)+"/read", models.ReadMark{MessageID: id})
	if wasAccepted(a, 200, refusal) {
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
		refusal = "" // a user who is not a member becomes one
	}
	a := w.users[0].Call("PUT", harness.MemberPath(r.id, w.users[user]), models.RoleChange{Role: role})
	if wasAccepted(a, 200, refusal) {
		r.enter(user, role)
	}
}

// page reads a room page by page, in one of the two directions.
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
		rt.Errorf("%s of room %d: got %v, want %v", query, r.id, got, want)
	}
}

// check compares both rooms, as each user sees them, and the history of the last step's room with the model.
func (w *world) check(rt *rapid.T) {
	for user, c := range w.users {
		list := harness.Get[models.Page[models.Room]](c, "/v1/rooms").Items
		for _, r := range w.rooms {
			i := slices.IndexFunc(list, func(room models.Room) bool { return room.ID == r.id })
			m := r.members[user]
			if (i >= 0) != (m != nil) {
				rt.Errorf("user %d in room %d: listed %v, but in the model %v", user, r.id, i >= 0, m)
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

// compare compares a room, as a user sees it, with the model.
func (r *modelRoom) compare(rt *rapid.T, user int, room models.Room) {
	me := r.members[user]
	unread := r.count(func(id int64, m modelMessage) bool { return id > me.lastRead && m.sender != user })
	all := r.count(func(int64, modelMessage) bool { return true })
	want := fmt.Sprint(len(r.members), all, r.last(), me.role, me.lastRead, unread)
	m := room.Membership
	if got := fmt.Sprint(room.MemberCount, room.MessageCount, room.LastMessageID, m.Role, m.LastReadID,
		m.UnreadCount); got != want {
		rt.Errorf("room %d for user %d: got members, messages, last id, role, last read id, unread:\n%s\nwant\n%s",
			r.id, user, got, want)
	}
}

// compareHistory compares a room's newest messages with the model.
func (w *world) compareHistory(rt *rapid.T, r *modelRoom) {
	page := harness.Get[models.Page[models.Message]](w.users[0], harness.RoomPath(r.id)+"/messages?limit=200").Items
	var got, want []string
	for _, m := range page {
		var files []string
		for _, f := range m.Files {
			files = append(files, f.ID)
		}
		got = append(got, fmt.Sprint(m.ID, m.Sender.ID, m.Text, files, !m.EditedAt.IsZero(), !m.DeletedAt.IsZero(),
			listedReactions(m)))
	}
	for i, m := range r.messages {
		if id := int64(i + 1); id > r.cleared {
			want = append(want, fmt.Sprint(id, w.users[m.sender].User.ID, m.text, m.files, m.edited, m.deleted, m.listed(0)))
		}
	}
	if want = want[max(0, len(want)-200):]; !slices.Equal(got, want) {
		rt.Errorf("the history of room %d: got\n%q, want\n%q", r.id, got, want)
	}
}

// TestCountsUnderConcurrency lets the members of a room write, edit, delete, read, clear, leave and join again at the
// same time. At the end, each member's counts must agree with the history.
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
					sendRandomRequest(t, u, room.ID, u == owner)
				}
			})
		}
		busy.Wait()

		history := owner.AllMessages(room.ID)
		for _, u := range users {
			got := u.GetRoom(room.ID)
			if got.Membership == nil { // their last action was to leave
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
				t.Errorf("%s: got %d messages, %d of them unread; the history has %d and %d",
					u.User.Username, got.MessageCount, got.Membership.UnreadCount, all, unread)
			}
		}
		members := harness.Get[models.Page[models.Member]](owner, harness.RoomPath(room.ID)+"/members?limit=200").Items
		if got := owner.GetRoom(room.ID); got.MemberCount != int64(len(members)) {
			t.Errorf("got a member count of %d, but %d listed members", got.MemberCount, len(members))
		}
		if got := owner.GetRoom(room.ID); len(history) > 0 && got.LastMessageID != history[len(history)-1].ID {
			t.Errorf("got the last message id %d, but %d in the history", got.LastMessageID, history[len(history)-1].ID)
		}
	})
}

// sendRandomRequest sends one random request. It may be refused, since another member may have been faster.
func sendRandomRequest(t *testing.T, c *harness.Client, roomID int64, isOwner bool) {
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
