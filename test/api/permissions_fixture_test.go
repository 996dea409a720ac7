package api

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// cast is who plays a row of the matrix.
type cast struct {
	c        *harness.Client              // for more of them
	provider *harness.OIDCProvider        // that the server lets people log in through, as "mock"
	callers  map[string][]*harness.Client // by the column that they play
	beside   *harness.Client              // a member, whom no column plays
	outsider *harness.Client
	streams  map[*harness.Client]*harness.Stream
}

func newCast(c *harness.Client, p *harness.OIDCProvider) *cast {
	k := &cast{c: c, provider: p, beside: c.NewGuest("beside"), streams: map[*harness.Client]*harness.Stream{}}
	k.callers = map[string][]*harness.Client{
		"no one": {c.WithoutToken()}, "former": {c.NewGuest("left"), c.NewGuest("removed")},
	}
	for _, column := range []string{"stranger", "member", "banned", "moderator", "owner"} {
		k.callers[column] = []*harness.Client{c.NewGuest(column)}
	}
	k.outsider = c.NewGuest("outsider")
	return k
}

// one is who plays a column.
func (k *cast) one(column string) *harness.Client { return k.callers[column][0] }

// streamOf is a stream of the client's, open until the test ends.
func (k *cast) streamOf(c *harness.Client) *harness.Stream {
	if k.streams[c] == nil {
		k.streams[c] = c.OpenReadyStream("")
	}
	return k.streams[c]
}

// set is what a row is played on: a room of the owner's, or a direct one of the member's, in which each caller who was
// ever a member has written and the others have become what they are.
type set struct {
	*cast
	room     models.Room
	messages map[*harness.Client]models.Message
	files    map[*harness.Client]models.File // of the kind that the row is about
	uploads  map[*harness.Client]string
	invite   models.Invite
	head     string // where the log stood when all this was so
}

func (k *cast) newSet(row matrixRow) *set {
	k.c.T.Helper()
	s := &set{
		cast: k, messages: map[*harness.Client]models.Message{}, files: map[*harness.Client]models.File{}, uploads: map[*harness.Client]string{},
		invite: models.Invite{Code: rand.Text()},
	}
	switch {
	case row.is("direct"):
		k.one("member").Call("PUT", fmt.Sprintf("/v1/users/%d/direct", k.beside.User.ID), nil).ExpectStatus(200).Decode(&s.room)
		for _, m := range []*harness.Client{k.one("member"), k.beside} {
			s.write(m)
			s.provide(row, m)
		}
	case row.is("private"):
		s.furnish(row, models.RoomPrivate)
	case row.is("public"):
		s.furnish(row, models.RoomPublic)
	default:
		s.room.Handle = harness.UniqueName("set")
	}
	s.head = eventCursor(k.beside)
	return s
}

// furnish makes a room with its members, and with whatever the row needs.
func (s *set) furnish(row matrixRow, kind models.RoomKind) {
	owner := s.one("owner")
	s.room = owner.CreateRoom(models.NewRoom{Handle: harness.Ptr(harness.UniqueName("set")), Kind: &kind})
	members := slices.Concat([]*harness.Client{s.beside, s.one("member"), s.one("moderator"), s.one("banned")}, s.callers["former"])
	for _, m := range members {
		role := models.RoleMember
		if m == s.one("moderator") {
			role = models.RoleModerator
		}
		owner.AddMember(s.room.ID, m, role)
	}
	s.write(s.beside)
	if strings.Contains(row.route, "{message}") {
		for _, m := range append(members[1:], owner) {
			s.write(m)
		}
	}
	for _, m := range append(members, owner) {
		s.provide(row, m)
	}
	left, removed := s.callers["former"][0], s.callers["former"][1]
	left.Call("DELETE", harness.RoomPath(s.room.ID)+"/members/me", nil).ExpectStatus(204)
	owner.Call("DELETE", harness.MemberPath(s.room.ID, removed), nil).ExpectStatus(204)
	owner.Call("PUT", harness.BanPath(s.room.ID, s.one("banned")), models.NewBan{}).ExpectStatus(200)
	if strings.Contains(row.route, "{code}") {
		s.invite = invite(owner, s.room.ID, models.NewInvite{MaxUses: harness.Ptr(int64(1))})
	}
}

// provide gives a member of the room what the row is about: a file, which a message of theirs has or has not, or an upload
// that has begun.
func (s *set) provide(row matrixRow, m *harness.Client) {
	isAbout := func(what string) bool {
		return slices.ContainsFunc(row.about, func(word string) bool { return strings.HasSuffix(word, what) })
	}
	switch {
	case isAbout("upload"):
		s.uploads[m] = m.AnnounceUpload(s.room.ID, len(harness.UploadChunk))
	case isAbout("unsent file"):
		s.files[m] = m.UploadFile(s.room.ID, "dot.png", "image/png", harness.PNGOfOnePixel())
	case isAbout(" file"):
		f := m.UploadFile(s.room.ID, "dot.png", "image/png", harness.PNGOfOnePixel())
		m.Call("POST", harness.RoomPath(s.room.ID)+"/messages", models.NewMessage{FileIDs: []string{f.ID}}).ExpectStatus(201)
		s.files[m] = f
	}
}

// stillSo wants no event since the set was made.
func (s *set) stillSo() {
	s.c.T.Helper()
	if head := eventCursor(s.beside); head != s.head {
		s.c.T.Errorf("the log stood at %s, and stands at %s", s.head, head)
	}
}

// eventCursor is where the log stands.
func eventCursor(c *harness.Client) string {
	c.T.Helper()
	return c.Call("GET", "/v1/users/me", nil).ExpectStatus(200).Header("Event-Cursor")
}

// write has the client write in the room.
func (s *set) write(by *harness.Client) {
	s.messages[by] = by.SendText(s.room.ID, "words of "+by.User.Username)
}

// attempt is a request of the matrix, before it is made.
type attempt struct {
	stage
	by   *harness.Client // who makes it
	form bool            // whether its body is one
	also map[string]any  // fields of its body that the words of the row ask for; nil for none
}

// try makes the row's request.
func (s *set) try(row matrixRow, by *harness.Client) *harness.Response {
	by.T.Helper()
	// Who has nothing of their own tries what is somebody else's.
	a := attempt{by: by, also: map[string]any{}, stage: stage{
		me: by, other: s.beside, outsider: s.outsider, room: s.room, message: s.messages[s.beside], invite: s.invite,
		stream: &harness.Stream{}, identity: "unknown",
	}}
	if by.AccessToken == "" {
		a.me = s.beside
	}
	for _, word := range row.about {
		matrixObjects[word](s, &a)
	}
	if op, documented := operationOf(row.route); documented {
		return a.make(op)
	}
	path := strings.TrimPrefix(row.route, row.method()+" ")
	return a.by.Send(row.method(), strings.Replace(path, "/client/{module}", "/client/main.js", 1), nil)
}

func operationOf(route string) (harness.Operation, bool) {
	all := harness.Operations()
	at := slices.IndexFunc(all, func(op harness.Operation) bool { return op.Method+" "+op.Path == route })
	if at < 0 {
		return harness.Operation{}, false
	}
	return all[at], true
}

// make makes the request, and the like for what is not there when the answer is that there is no such thing.
func (a attempt) make(op harness.Operation) *harness.Response {
	a.by.T.Helper()
	got := a.request(op, "", "")
	got.CheckContract(true)
	if got.HTTP.StatusCode == 401 || got.HTTP.StatusCode == 404 {
		a.sameAsUnknown(op, got)
	}
	return got
}

// request is stage.request with further fields in the body, and with one part of the path replaced, escaped already.
func (a attempt) request(op harness.Operation, part, escaped string) *harness.Response {
	a.by.T.Helper()
	path := a.at(op, part, escaped)
	if a.form {
		return a.sendForm(op, a.by, path)
	}
	if !op.TakesJSON() || len(a.also) == 0 {
		return a.send(op, a.by, path)
	}
	body := a.body(op)
	maps.Copy(body, a.also)
	maps.DeleteFunc(body, func(_ string, value any) bool { return value == nil })
	return a.by.Send(op.Method, path, body)
}

// matrixObjects are the words of the matrix that say what a request is about.
var matrixObjects = map[string]func(s *set, a *attempt){
	"anybody": func(*set, *attempt) {}, "a guest": func(*set, *attempt) {},
	"public": func(*set, *attempt) {}, "private": func(*set, *attempt) {}, "direct": func(*set, *attempt) {},

	"a member": func(*set, *attempt) {}, "another": func(*set, *attempt) {},
	"an outsider":       func(s *set, a *attempt) { a.other = s.outsider },
	"the owner":         func(s *set, a *attempt) { a.other = s.one("owner") },
	"one who is banned": func(s *set, a *attempt) { a.other = s.one("banned") },
	"themself":          func(_ *set, a *attempt) { a.other = a.me },
	"as owner":          func(_ *set, a *attempt) { a.also["role"] = "owner" },

	"one who blocks them":      func(s *set, a *attempt) { s.block(a) },
	"a member who blocks them": func(s *set, a *attempt) { s.block(a) },

	"own message":           func(s *set, a *attempt) { a.message = s.messages[a.me] },
	"another's message":     func(*set, *attempt) {},
	"own file":              func(s *set, a *attempt) { a.name(s.files[a.me]) },
	"another's file":        func(s *set, a *attempt) { a.name(s.files[s.beside]) },
	"own unsent file":       func(s *set, a *attempt) { a.name(s.files[a.me]) },
	"another's unsent file": func(s *set, a *attempt) { a.name(s.files[s.beside]) },
	"own file elsewhere": func(s *set, a *attempt) {
		if a.by.AccessToken != "" {
			a.name(a.by.UploadFile(a.by.CreatePublicRoom().ID, "a.txt", "text/plain", []byte("a text")))
			s.head = eventCursor(s.beside)
		}
	},
	"own upload":       func(s *set, a *attempt) { a.upload = s.uploads[a.me] },
	"another's upload": func(s *set, a *attempt) { a.upload = s.uploads[s.beside] },
	"as a form":        func(_ *set, a *attempt) { a.form = true },

	"own stream":        func(s *set, a *attempt) { a.stream = s.streamOf(a.me) },
	"another's stream":  func(s *set, a *attempt) { a.stream = s.streamOf(s.beside) },
	"own session":       func(*set, *attempt) {},
	"another's session": func(s *set, a *attempt) { a.me = withSession(a.me, s.beside.SessionID) },
	"own identity": func(s *set, a *attempt) {
		if a.by.AccessToken != "" {
			a.me = a.by.NewAccount("account")
			a.by, a.identity = a.me, s.provider.LinkIdentity(a.me)
		}
	},
	"another's identity": func(s *set, a *attempt) {
		s.provider.LinkIdentity(s.beside) // so that the other one is not their last way in
		a.identity = s.provider.LinkIdentity(s.beside)
	},
	"a log-in under way": func(s *set, a *attempt) {
		a.by = a.by.NewBrowser()
		a.callback = s.provider.Authorize(a.by, a.by.BeginLogIn("/v1/auth/mock"), harness.OIDCUser{Subject: harness.UniqueName("visitor")})
	},
	"a spent invite": func(s *set, a *attempt) {
		s.outsider.Call("POST", invitePath(a.invite), nil).ExpectStatus(200)
		s.head = eventCursor(s.beside)
	},
	"a revoked invite": func(s *set, a *attempt) {
		s.one("owner").Call("DELETE", harness.RoomPath(s.room.ID)+"/invites/"+a.invite.Code, nil).ExpectStatus(204)
	},
	"an account": func(_ *set, a *attempt) {
		if a.by.AccessToken != "" {
			a.me = a.by.NewAccount("account")
			a.by = a.me
		}
	},
	"under a new handle": func(_ *set, a *attempt) { a.also["handle"] = harness.UniqueName("new") },
	"a taken handle":     func(s *set, a *attempt) { a.also["handle"] = s.room.Handle },

	"to another":             func(_ *set, a *attempt) { a.writeTo(a.other) },
	"to themself":            func(_ *set, a *attempt) { a.writeTo(a.me) },
	"to one who blocks them": func(s *set, a *attempt) { s.block(a); a.writeTo(a.other) },
}

// block has the other one block who makes the attempt.
func (s *set) block(a *attempt) {
	if a.by.AccessToken != "" {
		a.other.Call("PUT", "/v1/blocks/@"+a.me.User.Username, nil).ExpectStatus(200)
		s.head = eventCursor(s.beside)
	}
}

// writeTo makes the attempt one to write to the user.
func (a *attempt) writeTo(user *harness.Client) {
	a.also["target"], a.also["reply_to"] = "@"+user.User.Username, nil
}

// name makes the attempt one about the file, or one to send it.
func (a *attempt) name(f models.File) {
	a.file = f
	a.also["type"], a.also["file_ids"] = "file", []any{f.ID}
}

// withSession is the client as if its session were another.
func withSession(c *harness.Client, id string) *harness.Client {
	other := *c
	other.SessionID = id
	return &other
}
