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

// callerSet has the users who send the requests of a row.
type callerSet struct {
	c           *harness.Client              // creates more users
	provider    *harness.OIDCProvider        // the server's login provider "mock"
	callers     map[string][]*harness.Client // by the column
	otherMember *harness.Client              // a member who is in no column
	outsider    *harness.Client
	streams     map[*harness.Client]*harness.Stream
}

// newCallerSet creates a user for each column, and two others.
func newCallerSet(c *harness.Client, p *harness.OIDCProvider) *callerSet {
	k := &callerSet{c: c, provider: p, otherMember: c.NewGuest("beside"), streams: map[*harness.Client]*harness.Stream{}}
	k.callers = map[string][]*harness.Client{
		"no one": {c.WithoutToken()}, "former": {c.NewGuest("left"), c.NewGuest("removed")},
	}
	for _, column := range []string{"stranger", "member", "banned", "moderator", "owner"} {
		k.callers[column] = []*harness.Client{c.NewGuest(column)}
	}
	k.outsider = c.NewGuest("outsider")
	return k
}

// caller returns the first caller of a column.
func (k *callerSet) caller(column string) *harness.Client { return k.callers[column][0] }

// streamOf returns the client's stream, which is open until the test ends.
func (k *callerSet) streamOf(c *harness.Client) *harness.Stream {
	if k.streams[c] == nil {
		k.streams[c] = c.OpenStream("")
	}
	return k.streams[c]
}

// objects are what the requests of a row use: a room of the owner, or a direct room of the member, with messages of all
// callers who are or were members.
type objects struct {
	*callerSet
	room     models.Room
	messages map[*harness.Client]models.Message
	files    map[*harness.Client]models.File // of the kind that the row is about
	uploads  map[*harness.Client]string
	invite   models.Invite
	head     string // the log's cursor after their creation
}

// newObjects creates the objects of a row.
func (k *callerSet) newObjects(row matrixRow) *objects {
	k.c.T.Helper()
	s := &objects{
		callerSet: k, messages: map[*harness.Client]models.Message{}, files: map[*harness.Client]models.File{},
		uploads: map[*harness.Client]string{},
		invite:  models.Invite{Code: rand.Text()},
	}
	switch {
	case row.is("direct"):
		k.caller("member").Call("PUT", fmt.Sprintf("/v1/users/%d/direct", k.otherMember.User.ID), nil).ExpectStatus(200).
			Decode(&s.room)
		for _, m := range []*harness.Client{k.caller("member"), k.otherMember} {
			s.write(m)
			s.addObject(row, m)
		}
	case row.is("private"):
		s.createRoom(row, models.RoomPrivate)
	case row.is("public"):
		s.createRoom(row, models.RoomPublic)
	default:
		s.room.Handle = harness.UniqueName("set")
	}
	s.head = eventCursor(k.otherMember)
	return s
}

// createRoom creates a room with its members, and with the objects of the row.
func (s *objects) createRoom(row matrixRow, kind models.RoomKind) {
	owner := s.caller("owner")
	s.room = owner.CreateRoom(models.NewRoom{Handle: harness.Ptr(harness.UniqueName("set")), Kind: &kind})
	members := slices.Concat([]*harness.Client{s.otherMember, s.caller("member"), s.caller("moderator"),
		s.caller("banned")}, s.callers["former"])
	for _, m := range members {
		role := models.RoleMember
		if m == s.caller("moderator") {
			role = models.RoleModerator
		}
		owner.AddMember(s.room.ID, m, role)
	}
	s.write(s.otherMember)
	if strings.Contains(row.route, "{message}") {
		for _, m := range append(members[1:], owner) {
			s.write(m)
		}
	}
	for _, m := range append(members, owner) {
		s.addObject(row, m)
	}
	left, removed := s.callers["former"][0], s.callers["former"][1]
	left.Call("DELETE", harness.RoomPath(s.room.ID)+"/members/me", nil).ExpectStatus(204)
	owner.Call("DELETE", harness.MemberPath(s.room.ID, removed), nil).ExpectStatus(204)
	owner.Call("PUT", harness.BanPath(s.room.ID, s.caller("banned")), models.NewBan{}).ExpectStatus(200)
	if strings.Contains(row.route, "{code}") {
		s.invite = invite(owner, s.room.ID, models.NewInvite{MaxUses: harness.Ptr(int64(1))})
	}
}

// addObject creates a member's object that the row is about: a sent or unsent file, or an unfinished upload.
func (s *objects) addObject(row matrixRow, m *harness.Client) {
	isAbout := func(what string) bool {
		return slices.ContainsFunc(row.about, func(word string) bool { return strings.HasSuffix(word, what) })
	}
	switch {
	case isAbout("upload"):
		s.uploads[m] = m.CreateTextUpload(s.room.ID, len(harness.UploadChunk))
	case isAbout("unsent file"):
		s.files[m] = m.UploadFile(s.room.ID, "dot.png", "image/png", harness.OnePixelPNG())
	case isAbout(" file"):
		f := m.UploadFile(s.room.ID, "dot.png", "image/png", harness.OnePixelPNG())
		m.Call("POST", harness.RoomPath(s.room.ID)+"/messages", models.NewMessage{FileIDs: []string{f.ID}}).ExpectStatus(201)
		s.files[m] = f
	}
}

// expectSame checks that there is no event since the objects were created.
func (s *objects) expectSame() {
	s.c.T.Helper()
	if head := eventCursor(s.otherMember); head != s.head {
		s.c.T.Errorf("the log has new events: got the cursor %s, want %s", head, s.head)
	}
}

// eventCursor returns the cursor of the log's end.
func eventCursor(c *harness.Client) string {
	c.T.Helper()
	return c.Call("GET", "/v1/users/me", nil).ExpectStatus(200).Header("Event-Cursor")
}

// write sends a message of the client into the room.
func (s *objects) write(by *harness.Client) {
	s.messages[by] = by.SendText(s.room.ID, "words by "+by.User.Username)
}

// attempt is a request of the matrix, before it is sent.
type attempt struct {
	requestFixture
	by    *harness.Client // the caller
	form  bool            // whether its body is a form
	extra map[string]any  // more fields of its body, from the words of the row; a nil value removes a field
}

// sendRow sends the row's request.
func (s *objects) sendRow(row matrixRow, by *harness.Client) *harness.Response {
	by.T.Helper()
	// A caller without an object of their own uses that of the other member.
	a := attempt{by: by, extra: map[string]any{}, requestFixture: requestFixture{
		me: by, other: s.otherMember, outsider: s.outsider, room: s.room, message: s.messages[s.otherMember],
		invite: s.invite,
		stream: &harness.Stream{}, identity: "unknown",
	}}
	if by.AccessToken == "" {
		a.me = s.otherMember
	}
	for _, word := range row.about {
		matrixObjects[word](s, &a)
	}
	if op, documented := operationOf(row.route); documented {
		return a.execute(op)
	}
	path := strings.TrimPrefix(row.route, row.method()+" ")
	return a.by.Send(row.method(), strings.Replace(path, "/client/{module}", "/client/main.js", 1), nil)
}

// operationOf returns the contract's operation of a route, if there is one.
func operationOf(route string) (harness.Operation, bool) {
	all := harness.Operations()
	at := slices.IndexFunc(all, func(op harness.Operation) bool { return op.Method+" "+op.Path == route })
	if at < 0 {
		return harness.Operation{}, false
	}
	return all[at], true
}

// execute sends the request. If the response is 401 or 404, it compares that with the response for unknown objects.
func (a attempt) execute(op harness.Operation) *harness.Response {
	a.by.T.Helper()
	got := a.request(op, "", "")
	got.CheckContract(true)
	if got.HTTP.StatusCode == 401 || got.HTTP.StatusCode == 404 {
		a.expectSameAsUnknown(op, got)
	}
	return got
}

// request is like requestFixture.request, with more fields in the body, and with one parameter of the path replaced by
// a value that is escaped already.
func (a attempt) request(op harness.Operation, part, escaped string) *harness.Response {
	a.by.T.Helper()
	path := a.pathWith(op, part, escaped)
	if a.form {
		return a.sendForm(op, a.by, path)
	}
	if !op.TakesJSON() || len(a.extra) == 0 {
		return a.send(op, a.by, path)
	}
	body := a.body(op)
	maps.Copy(body, a.extra)
	maps.DeleteFunc(body, func(_ string, value any) bool { return value == nil })
	return a.by.Send(op.Method, path, body)
}

// matrixObjects are the words of the matrix for the objects of a request.
var matrixObjects = map[string]func(s *objects, a *attempt){
	"anybody": func(*objects, *attempt) {}, "a guest": func(*objects, *attempt) {},
	"public": func(*objects, *attempt) {}, "private": func(*objects, *attempt) {}, "direct": func(*objects, *attempt) {},

	"a member": func(*objects, *attempt) {}, "another": func(*objects, *attempt) {},
	"an outsider":   func(s *objects, a *attempt) { a.other = s.outsider },
	"the owner":     func(s *objects, a *attempt) { a.other = s.caller("owner") },
	"a banned user": func(s *objects, a *attempt) { a.other = s.caller("banned") },
	"themself":      func(_ *objects, a *attempt) { a.other = a.me },
	"as owner":      func(_ *objects, a *attempt) { a.extra["role"] = "owner" },

	"a user who blocks them":   func(s *objects, a *attempt) { s.block(a) },
	"a member who blocks them": func(s *objects, a *attempt) { s.block(a) },

	"own message":           func(s *objects, a *attempt) { a.message = s.messages[a.me] },
	"another's message":     func(*objects, *attempt) {},
	"own file":              func(s *objects, a *attempt) { a.useFile(s.files[a.me]) },
	"another's file":        func(s *objects, a *attempt) { a.useFile(s.files[s.otherMember]) },
	"own unsent file":       func(s *objects, a *attempt) { a.useFile(s.files[a.me]) },
	"another's unsent file": func(s *objects, a *attempt) { a.useFile(s.files[s.otherMember]) },
	"own file of another room": func(s *objects, a *attempt) {
		if a.by.AccessToken != "" {
			a.useFile(a.by.UploadFile(a.by.CreatePublicRoom().ID, "a.txt", "text/plain", []byte("a text")))
			s.head = eventCursor(s.otherMember)
		}
	},
	"own upload":       func(s *objects, a *attempt) { a.upload = s.uploads[a.me] },
	"another's upload": func(s *objects, a *attempt) { a.upload = s.uploads[s.otherMember] },
	"as a form":        func(_ *objects, a *attempt) { a.form = true },

	"own stream":        func(s *objects, a *attempt) { a.stream = s.streamOf(a.me) },
	"another's stream":  func(s *objects, a *attempt) { a.stream = s.streamOf(s.otherMember) },
	"own session":       func(*objects, *attempt) {},
	"another's session": func(s *objects, a *attempt) { a.me = withSession(a.me, s.otherMember.SessionID) },
	"own identity": func(s *objects, a *attempt) {
		if a.by.AccessToken != "" {
			a.me = a.by.NewAccount("account")
			a.by, a.identity = a.me, s.provider.LinkIdentity(a.me)
		}
	},
	"another's identity": func(s *objects, a *attempt) {
		s.provider.LinkIdentity(s.otherMember) // a second one, since the last identity cannot be deleted
		a.identity = s.provider.LinkIdentity(s.otherMember)
	},
	"an unfinished login": func(s *objects, a *attempt) {
		a.by = a.by.NewBrowser()
		visitor := harness.OIDCUser{Subject: harness.UniqueName("visitor")}
		a.callback = s.provider.Authorize(a.by, a.by.BeginLogIn("/v1/auth/mock"), visitor)
	},
	"a spent invite": func(s *objects, a *attempt) {
		s.outsider.Call("POST", invitePath(a.invite), nil).ExpectStatus(200)
		s.head = eventCursor(s.otherMember)
	},
	"a revoked invite": func(s *objects, a *attempt) {
		s.caller("owner").Call("DELETE", harness.RoomPath(s.room.ID)+"/invites/"+a.invite.Code, nil).ExpectStatus(204)
	},
	"an account": func(_ *objects, a *attempt) {
		if a.by.AccessToken != "" {
			a.me = a.by.NewAccount("account")
			a.by = a.me
		}
	},
	"under a new handle": func(_ *objects, a *attempt) { a.extra["handle"] = harness.UniqueName("new") },
	"a taken handle":     func(s *objects, a *attempt) { a.extra["handle"] = s.room.Handle },

	"to another":                func(_ *objects, a *attempt) { a.addressTo(a.other) },
	"to themself":               func(_ *objects, a *attempt) { a.addressTo(a.me) },
	"to a user who blocks them": func(s *objects, a *attempt) { s.block(a); a.addressTo(a.other) },
}

// block lets the other user block the caller.
func (s *objects) block(a *attempt) {
	if a.by.AccessToken != "" {
		a.other.Call("PUT", "/v1/blocks/@"+a.me.User.Username, nil).ExpectStatus(200)
		s.head = eventCursor(s.otherMember)
	}
}

// addressTo makes the attempt a message to the user.
func (a *attempt) addressTo(user *harness.Client) {
	a.extra["target"], a.extra["reply_to"] = "@"+user.User.Username, nil
}

// useFile makes the attempt use the file.
func (a *attempt) useFile(f models.File) {
	a.file = f
	a.extra["type"], a.extra["file_ids"] = "file", []any{f.ID}
}

// withSession returns a copy of the client with another session id.
func withSession(c *harness.Client, id string) *harness.Client {
	other := *c
	other.SessionID = id
	return &other
}
