package protocols

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestRoomMessenger plays room-messenger: accounts whose passwords are SHA-256 digests, rooms, search, moderation
// and files.
func TestRoomMessenger(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		p := roomMessenger{t: t}
		p.signUp(harness.NewClient(t, s.URL))
		p.token()
		p.msg()
		p.editMsg()
		p.delMsg()
		p.delHist()
		p.findMsgs()
		p.getRooms()
		p.newAndDelRoom()
		p.joinRoom()
		p.updRoom()
		p.searchCh()
		p.members()
		p.banMember()
		p.updUserDesc()
		p.files()
		p.logOut(s)
		expectNoFurtherEvent(t, p.anna, p.anna, p.cora, p.eve)
	})
}

// roomMessenger has the participants: anna, who owns the room, bert, who is present in it, cora, who joins later, and
// eve, who never joins.
type roomMessenger struct {
	t                     *testing.T
	anna, bert, cora, eve *harness.Participant
	room                  models.Room
}

// passwordDigest returns what a client of this protocol sends in place of a password.
func passwordDigest(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

func (p *roomMessenger) signUp(c *harness.Client) {
	// RQ_LOG_IN of a user who does not exist → RQ_ERROR_MSG, ER_AUTH_DATA
	logIn := func(password string) *harness.Response {
		return c.Call("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: passwordDigest(password)})
	}
	logIn("secret").ExpectProblem(401, models.CodeBadCredentials)
	// RQ_SIGN_UP → RQ_TOKEN with token, login and desc
	p.eve = p.signUpUser(c, "eve").Participate()
	p.anna = p.eve.AddContactAndParticipate(p.signUpUser(c, "anna"))
	p.bert = p.eve.AddContactAndParticipate(p.signUpUser(c, "bert"))
	p.cora = p.eve.AddContactAndParticipate(p.signUpUser(c, "cora"))
	// RQ_SIGN_UP → RQ_ERROR_MSG, ER_USER_EXST
	c.Call("POST", "/v1/users", models.NewUser{Username: "Anna", Password: passwordDigest("other")}).
		ExpectProblem(409, models.CodeUsernameTaken)
	// RQ_LOG_IN → RQ_ERROR_MSG, ER_AUTH_DATA
	logIn("guess").ExpectProblem(401, models.CodeBadCredentials)
	c.Call("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: "secret"}).
		ExpectProblem(401, models.CodeBadCredentials)

	// The room of the following steps. RQ_NEW_ROOM and RQ_JOIN_ROOM are tested below.
	p.room = p.anna.CreateRoom(models.NewRoom{Name: harness.Ptr("Cyclists"), Description: harness.Ptr("On two wheels")},
		p.anna, p.bert, p.cora, p.eve)
	p.bert.JoinRoom(harness.RoomPath(p.room.ID), p.anna, p.bert)
	p.bert.EnterRoom(p.room, p.bert)
}

// signUpUser signs up a user with a display name and a description.
func (p *roomMessenger) signUpUser(c *harness.Client, login string) *harness.Client {
	p.t.Helper()
	a := c.WithToken("")
	name, desc := "The one and only "+login, "I am "+login
	a.ExpectSession(a.Call("POST", "/v1/users", models.NewUser{
		Username: login, Password: passwordDigest("secret"), DisplayName: &name, Description: &desc,
	}), 201, models.User{Username: login, DisplayName: name, Description: desc})
	return a
}

// logInAgain creates another session of the participant's account.
func (p *roomMessenger) logInAgain(of *harness.Participant) *harness.Client {
	p.t.Helper()
	c := of.WithToken("")
	credentials := models.Credentials{Username: of.User.Username, Password: passwordDigest("secret")}
	c.ExpectSession(c.Call("POST", "/v1/sessions", credentials), 201, of.Profile())
	if c.SessionID == of.SessionID || c.User.ID != of.User.ID {
		p.t.Errorf("the second session is %+v, the first one %+v", c.Session, of.Session)
	}
	return c
}

func (p *roomMessenger) token() {
	// RQ_LOG_IN → RQ_TOKEN
	c := p.logInAgain(p.anna)
	// RQ_TOKEN to reconnect → RQ_TOKEN with login and desc
	c.Call("GET", "/v1/users/me", nil).ExpectStatus(200).ExpectBody(p.anna.Profile())
	// RQ_TOKEN with a token that has expired → RQ_TOKEN with a new one
	before := c.Session
	c.ExpectSession(c.WithToken("").Call("POST", harness.RefreshPath, harness.RefreshBody(c.RefreshToken)), 200,
		p.anna.Profile())
	if c.SessionID != before.SessionID || c.RefreshToken == before.RefreshToken {
		p.t.Errorf("the refreshed session is %+v, it was %+v", c.Session, before)
	}
	c.Call("GET", "/v1/users/me", nil).ExpectStatus(200).ExpectBody(p.anna.Profile())
	// RQ_TOKEN → RQ_ERROR_MSG
	c.WithToken("nonsense").Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
	c.WithToken("").Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
}

func (p *roomMessenger) msg() {
	// RQ_MSG, DB_TEXT_MSG → RQ_MSG to every online member
	p.anna.SendMessage(p.room, 1, text("Who has a pump?")).ExpectCreated(p.anna, p.bert)
	p.bert.SendMessage(p.room, 2, text("I have.")).ExpectCreated(p.bert).ExpectNotified(p.anna)
	// RQ_MSG, DB_STICKER
	p.anna.SendMessage(p.room, 3, models.NewMessage{Type: models.MessageSticker, Text: "thumbs-up"}).
		ExpectCreated(p.anna, p.bert)
	// RQ_MSG → RQ_ERROR_MSG
	path := harness.RoomPath(p.room.ID) + "/messages"
	p.cora.Call("POST", path, text("And I?")).ExpectProblem(403, models.CodeForbidden)
	p.anna.CallInvalid("POST", path, models.NewMessage{Type: "song", Text: "la"}).ExpectInvalid("type")
	p.anna.Call("POST", harness.RoomPath(999_999)+"/messages", text("Hello?")).ExpectProblem(404, models.CodeNotFound)
}

func (p *roomMessenger) editMsg() {
	// RQ_EDIT_MSG → RQ_EDIT_MSG to every online member
	path := harness.MessagePath(models.Message{RoomID: p.room.ID, ID: 1})
	want := harness.Get[models.Message](p.anna.Client, path)
	edit := models.MessageEdit{Text: "Who has a pump for me?"}
	var edited models.Message
	a := p.anna.Call("PATCH", path, edit).ExpectStatus(200).Decode(&edited)
	want.Text, want.EditedAt = edit.Text, p.anna.ExpectRecent(edited.EditedAt)
	a.ExpectBody(want).ExpectEvent(models.EventMessageEdited, want, p.anna, p.bert)
	p.bert.Call("GET", path, nil).ExpectStatus(200).ExpectBody(want)
	// RQ_EDIT_MSG of another user's message → RQ_ERROR_MSG
	p.bert.Call("PATCH", path, edit).ExpectProblem(403, models.CodeForbidden)
}

func (p *roomMessenger) delMsg() {
	// RQ_DEL_MSG → RQ_DEL_MSG to every online member
	path := harness.MessagePath(models.Message{RoomID: p.room.ID, ID: 2})
	want := harness.Get[models.Message](p.bert.Client, path)
	p.bert.Call("DELETE", path, nil).ExpectStatus(204).
		ExpectEvent(models.EventMessageDeleted, models.MessageRef{RoomID: p.room.ID, MessageID: 2}, p.anna, p.bert)
	want.Text, want.DeletedAt = "", harness.Get[models.Message](p.anna.Client, path).DeletedAt
	p.bert.ExpectRecent(want.DeletedAt)
	p.anna.Call("GET", path, nil).ExpectStatus(200).ExpectBody(want)
	if n := p.anna.GetRoom(p.room.ID).MessageCount; n != 2 {
		p.t.Errorf("the room has %d messages after one of three was deleted", n)
	}
	// RQ_DEL_MSG of another user's message → RQ_ERROR_MSG
	p.bert.Call("DELETE", harness.MessagePath(models.Message{RoomID: p.room.ID, ID: 1}), nil).
		ExpectProblem(403, models.CodeForbidden)
}

func (p *roomMessenger) delHist() {
	path := harness.RoomPath(p.room.ID) + "/messages"
	// RQ_DEL_HIST without permission → RQ_ERROR_MSG
	p.bert.Call("DELETE", path, nil).ExpectProblem(403, models.CodeForbidden)
	// RQ_DEL_HIST → RQ_DEL_HIST to every online member
	p.anna.Call("DELETE", path, nil).ExpectStatus(204).
		ExpectEvent(models.EventHistoryCleared, models.HistoryCleared{RoomID: p.room.ID, UpToID: 3}, p.anna, p.bert)
	p.bert.ExpectMessages(path)
	if r := p.bert.GetRoom(p.room.ID); r.MessageCount != 0 || r.Membership.UnreadCount != 0 {
		p.t.Errorf("after its history was cleared, the room is %+v", r)
	}
}

func (p *roomMessenger) findMsgs() {
	path := harness.RoomPath(p.room.ID) + "/messages"
	var all []models.Message
	for i, line := range []string{"Pump found", "Patch found", "Pump lost", "pump found again", "The pump is mine"} {
		m := p.anna.SendMessage(p.room, int64(4+i), text(line)).ExpectCreated(p.anna, p.bert)
		all = append(all, m.Message)
		harness.WaitAfter(m.CreatedAt)
	}
	// RQ_GET_NEW_MSGS: the first two since a date
	p.bert.ExpectSomeMessages(path+"?limit=2&since="+date(all[1].CreatedAt), all[1], all[2])
	// RQ_SEARCH_MSGS: messages with the prefix, the newest first
	p.bert.ExpectMessages(path+"/search?prefix=Pump+f", all[3], all[0])
	p.bert.ExpectMessages(path + "/search?prefix=found")
	// RQ_OLD_MSGS: the last two before a date
	p.bert.ExpectSomeMessages(path+"?limit=2&until="+date(all[3].CreatedAt), all[1], all[2])
	// RQ_OLD_MSGS: all of them
	p.bert.ExpectMessages(path+"?limit=9&until="+date(models.Now()), all...)
}

// date formats a time for a query.
func date(at models.Time) string { return url.QueryEscape(at.Format("2006-01-02T15:04:05.000Z07:00")) }

func (p *roomMessenger) getRooms() {
	room := p.anna.GetRoom(p.room.ID)
	since := func(at models.Time) *harness.Response {
		return p.anna.Call("GET", "/v1/rooms?since="+date(at), nil).ExpectStatus(200)
	}
	// RQ_GET_ROOMS with the date of the newest change → the room
	since(room.UpdatedAt).ExpectBody(models.Page[models.Room]{Items: []models.Room{room}})
	// RQ_GET_ROOMS with a later date → none
	since(harness.WaitAfter(room.UpdatedAt)).ExpectBody(models.Page[models.Room]{Items: []models.Room{}})
}

func (p *roomMessenger) newAndDelRoom() {
	// RQ_NEW_ROOM → RQ_NEW_ROOM; everybody gets the event of a public room, the members that of a private one
	open := p.bert.CreateRoom(models.NewRoom{Name: harness.Ptr("Open"), Description: harness.Ptr("To all")},
		p.anna, p.bert, p.cora, p.eve)
	secret := p.anna.CreateRoom(models.NewRoom{Name: harness.Ptr("Secret"), Kind: harness.Ptr(models.RoomPrivate)}, p.anna)
	p.anna.Call("PUT", harness.MemberPath(secret.ID, p.cora.Client), models.RoleChange{}).ExpectStatus(200).
		ExpectEvent(models.EventMemberJoined, p.cora.MembershipEvent(secret), p.anna, p.cora)
	// RQ_NEW_ROOM without a name → RQ_ERROR_MSG
	p.anna.CallInvalid("POST", "/v1/rooms", models.NewRoom{Description: harness.Ptr("Nameless")}).ExpectInvalid("name")

	// RQ_DEL_ROOM of a member without permission, and of a user who cannot see the room → RQ_ERROR_MSG
	p.cora.Call("DELETE", harness.RoomPath(secret.ID), nil).ExpectProblem(403, models.CodeForbidden)
	p.bert.Call("DELETE", harness.RoomPath(secret.ID), nil).ExpectProblem(404, models.CodeNotFound)
	// RQ_DEL_ROOM → RQ_DEL_ROOM to everybody who could see the room
	p.anna.Call("DELETE", harness.RoomPath(secret.ID), nil).ExpectStatus(204).
		ExpectEvent(models.EventRoomDeleted, models.RoomGone{RoomID: secret.ID}, p.anna, p.cora)
	p.bert.Call("DELETE", harness.RoomPath(open.ID), nil).ExpectStatus(204).
		ExpectEvent(models.EventRoomDeleted, models.RoomGone{RoomID: open.ID}, p.anna, p.bert, p.cora, p.eve)
	p.bert.Call("GET", harness.RoomPath(open.ID), nil).ExpectProblem(404, models.CodeNotFound)
}

func (p *roomMessenger) joinRoom() {
	// RQ_JOIN_ROOM → RQ_JOIN_ROOM to the user who joins, RQ_NEW_MEMBER to every online member
	p.cora.JoinRoom(harness.RoomPath(p.room.ID), p.anna, p.bert, p.cora)
	p.anna.SendMessage(p.room, 9, text("Welcome!")).ExpectCreated(p.anna, p.bert).ExpectNotified(p.cora)
	// RQ_JOIN_ROOM of a room that does not exist → RQ_ERROR_MSG
	p.cora.Call("PUT", harness.RoomPath(999_999)+"/members/me", nil).ExpectProblem(404, models.CodeNotFound)
}

func (p *roomMessenger) updRoom() {
	update := func(change models.RoomChange, apply func(r *models.Room)) {
		p.t.Helper()
		want := p.anna.GetRoom(p.room.ID)
		var room models.Room
		a := p.anna.Call("PATCH", harness.RoomPath(p.room.ID), change).ExpectStatus(200).Decode(&room)
		apply(&want)
		want.UpdatedAt = p.anna.ExpectRecent(room.UpdatedAt)
		a.ExpectBody(want)
		want.Membership = nil
		a.ExpectEvent(models.EventRoomUpdated, want, p.anna, p.bert, p.cora)
		p.eve.Call("GET", harness.RoomPath(p.room.ID), nil).ExpectStatus(200).ExpectBody(want)
	}
	// RQ_UPD_ROOM_NAME → RQ_UPD_ROOM_NAME to every online member
	update(models.RoomChange{Name: harness.Ptr("Bicycle club")}, func(r *models.Room) { r.Name = "Bicycle club" })
	// RQ_UPD_ROOM_DESC → RQ_UPD_ROOM_DESC to every online member
	update(models.RoomChange{Description: harness.Ptr("Pumps for all")},
		func(r *models.Room) { r.Description = "Pumps for all" })
	// RQ_UPD_ROOM_NAME without permission → RQ_ERROR_MSG
	p.cora.Call("PATCH", harness.RoomPath(p.room.ID), models.RoomChange{Name: harness.Ptr("Mine")}).
		ExpectProblem(403, models.CodeForbidden)
}

func (p *roomMessenger) searchCh() {
	p.anna.CreateRoom(models.NewRoom{Name: harness.Ptr("Bicycle thieves"), Kind: harness.Ptr(models.RoomPrivate)}, p.anna)
	room := p.eve.GetRoom(p.room.ID)
	// RQ_SEARCH_CH: the public rooms whose name has the prefix
	for prefix, want := range map[string][]models.Room{
		"bicycle": {room}, "Bicycle+c": {room}, "club": {}, "Cyclists": {},
	} {
		p.eve.Call("GET", "/v1/rooms/search?prefix="+prefix, nil).
			ExpectStatus(200).
			ExpectBody(models.Page[models.Room]{Items: want})
	}
}

func (p *roomMessenger) members() {
	// RQ_GET_MEMBERS
	var page models.Page[models.Member]
	a := p.cora.Call("GET", harness.RoomPath(p.room.ID)+"/members", nil).ExpectStatus(200).Decode(&page)
	want := []models.Member{
		{User: p.anna.Profile(), Role: models.RoleOwner},
		{User: p.bert.Profile(), Role: models.RoleMember, Present: true},
		{User: p.cora.Profile(), Role: models.RoleMember},
	}
	for i := range min(len(want), len(page.Items)) {
		want[i].JoinedAt = p.anna.ExpectRecent(page.Items[i].JoinedAt)
	}
	a.ExpectBody(models.Page[models.Member]{Items: want})
	// RQ_MEMBER_INFO → login and desc
	p.cora.Call("GET", fmt.Sprintf("/v1/users/%d", p.bert.User.ID), nil).ExpectStatus(200).ExpectBody(p.bert.Profile())
	// RQ_MEMBER_INFO of a user who does not exist → RQ_ERROR_MSG
	p.cora.Call("GET", "/v1/users/999999", nil).ExpectProblem(404, models.CodeNotFound)
}

func (p *roomMessenger) banMember() {
	// RQ_BAN_MEMBER without permission → RQ_ERROR_MSG
	p.bert.Call("PUT", harness.BanPath(p.room.ID, p.cora.Client), models.NewBan{}).ExpectProblem(403, models.CodeForbidden)
	// RQ_BAN_MEMBER → RQ_BAN_MEMBER to every online member, including the banned one
	var ban models.Ban
	newBan := models.NewBan{Reason: harness.Ptr("Took my pump")}
	a := p.anna.Call("PUT", harness.BanPath(p.room.ID, p.cora.Client), newBan).ExpectStatus(200).Decode(&ban)
	a.ExpectBody(models.Ban{
		User: p.cora.Profile(), Reason: "Took my pump", BannedBy: p.anna.User.Ref(),
		CreatedAt: p.anna.ExpectRecent(ban.CreatedAt),
	})
	a.ExpectEvent(models.EventMemberBanned,
		models.MemberEvent{RoomID: p.room.ID, User: p.cora.User.Ref(), Reason: "Took my pump"}, p.anna, p.bert, p.cora)
	// RQ_MSG, which cora can neither receive nor send any more
	p.bert.SendMessage(p.room, 10, text("At last.")).ExpectCreated(p.bert).ExpectNotified(p.anna)
	p.cora.Call("POST", harness.RoomPath(p.room.ID)+"/messages", text("But")).ExpectProblem(403, models.CodeBanned)
	p.cora.Call("PUT", harness.RoomPath(p.room.ID)+"/members/me", nil).ExpectProblem(403, models.CodeBanned)
}

func (p *roomMessenger) updUserDesc() {
	// RQ_UPD_USER_DESC → RQ_UPD_USER_DESC
	want := p.bert.Profile()
	want.Description = "I have a pump"
	p.bert.Call("PATCH", "/v1/users/me", models.ProfileChange{Description: &want.Description}).
		ExpectStatus(200).
		ExpectBody(want)
	p.anna.Call("GET", "/v1/users/@bert", nil).ExpectStatus(200).ExpectBody(want)
}

func (p *roomMessenger) files() {
	letter := harness.FormPart{
		Field:     "file",
		Name:      "pump.txt",
		MediaType: "text/plain",
		Content:   "How to use a pump: up and down.",
	}
	path := harness.RoomPath(p.room.ID) + "/files?name=" + letter.Name
	// RQ_UPLOAD_FILE → RQ_READY_READ, which the client waits for before it sends the file
	var f models.File
	sendAfterContinue(p.anna.Client, "POST", path, []byte(letter.Content), "Content-Type", letter.MediaType).
		ExpectStatus(201).Decode(&f)
	p.anna.ExpectFile(p.room, f, letter)
	// RQ_MSG of a file to every online member
	sent := p.anna.SendMessage(p.room, 11, models.NewMessage{Type: models.MessageFile, FileIDs: []string{f.ID}}, letter).
		ExpectCreated(p.anna, p.bert)
	// RQ_DOWNLOAD_FILE of a message → RQ_DOWNLOAD_FILE with size and name, and the file
	p.bert.Call("GET", harness.MessagePath(sent.Message), nil).ExpectStatus(200).ExpectBody(sent.Message)
	sent.ExpectDownloadable(p.anna, p.bert, p.eve).ExpectHidden(p.cora)
	// RQ_MSG of a picture
	photo := harness.FormPart{
		Field:     "file",
		Name:      "pump.png",
		MediaType: "image/png",
		Content:   string(harness.OnePixelPNG()),
	}
	sendAfterContinue(p.bert.Client, "POST", harness.RoomPath(p.room.ID)+"/files?name="+photo.Name,
		[]byte(photo.Content), "Content-Type", photo.MediaType).ExpectStatus(201).Decode(&f)
	image := models.NewMessage{Type: models.MessageImage, Text: "Mine.", FileIDs: []string{f.ID}}
	p.bert.SendMessage(p.room, 12, image, photo).
		ExpectCreated(p.bert).
		ExpectNotified(p.anna).
		ExpectDownloadable(p.anna, p.bert, p.eve).
		ExpectHidden(p.cora)
	// RQ_UPLOAD_FILE without permission → RQ_ERROR_MSG in place of RQ_READY_READ
	expectNoContinue(p.eve.Client, "POST", path, []byte(letter.Content), "Content-Type", letter.MediaType).
		ExpectProblem(403, models.CodeForbidden)
	expectNoContinue(p.cora.Client, "POST", path, []byte(letter.Content), "Content-Type", letter.MediaType).
		ExpectProblem(403, models.CodeBanned)
	// RQ_DOWNLOAD_FILE of a file that does not exist → RQ_ERROR_MSG
	p.bert.Call("GET", "/v1/files/f_none/content", nil).ExpectProblem(404, models.CodeNotFound)
}

func (p *roomMessenger) logOut(s *harness.Server) {
	phone := p.logInAgain(p.anna).Participate()
	// RQ_LOG_OUT from the client: anna ends the session of her phone, and the server notifies the phone
	p.anna.Call("DELETE", "/v1/sessions/"+phone.SessionID, nil).ExpectStatus(204).ExpectNoEvent()
	p.expectLoggedOut(phone)
	p.anna.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	// RQ_LOG_OUT of the client's own session
	p.bert.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204).ExpectNoEvent()
	p.expectLoggedOut(p.bert)
	// It was bert's last stream. His contacts get user.offline a few seconds later.
	s.Hub.CheckStreams(time.Now().Add(6 * time.Second))
	at := p.anna.Stream.ExpectUserStatus(models.EventUserOffline, p.bert.Client)
	if got := p.eve.Stream.ExpectUserStatus(models.EventUserOffline, p.bert.Client); got != at {
		p.t.Errorf("bert went offline at %v for anna and at %v for eve", at, got)
	}
}

// expectLoggedOut expects the participant's session to be revoked: the stream reports it and ends, and neither token is
// accepted.
func (p *roomMessenger) expectLoggedOut(a *harness.Participant) {
	p.t.Helper()
	harness.ExpectSameEvent(p.t, models.EventSessionRevoked,
		models.SessionRevoked{SessionID: a.SessionID, Reason: models.RevokedByLogOut}, a)
	a.Stream.ExpectEnd()
	a.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
	a.WithToken("").
		Call("POST", harness.RefreshPath, harness.RefreshBody(a.RefreshToken)).
		ExpectProblem(401, models.CodeSessionRevoked)
}
