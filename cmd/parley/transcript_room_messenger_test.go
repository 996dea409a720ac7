package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestRoomMessenger plays room-messenger: accounts whose passwords are SHA-256 digests, rooms, search, moderation
// and files.
func TestRoomMessenger(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		p := roomMessenger{t: t}
		p.signUp(newClient(t, s.url))
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
		theEnd(t, p.anna, p.anna, p.cora, p.eve)
	})
}

// roomMessenger is the cast: anna, who owns the room, bert, who is in it, cora, who joins later, and eve, who never does.
type roomMessenger struct {
	t                     *testing.T
	anna, bert, cora, eve *actor
	room                  models.Room
}

// digest is what a client of this protocol sends for a password.
func digest(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

func (p *roomMessenger) signUp(c *client) {
	// RQ_LOG_IN of somebody whom there is not → RQ_ERROR_MSG, ER_AUTH_DATA
	logIn := func(password string) *answer {
		return c.call("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: digest(password)})
	}
	logIn("secret").problem(401, models.CodeBadCredentials)
	// RQ_SIGN_UP → RQ_TOKEN with token, login and desc
	p.eve = p.account(c, "eve").attend()
	p.anna, p.bert, p.cora = p.eve.meets(p.account(c, "anna")), p.eve.meets(p.account(c, "bert")), p.eve.meets(p.account(c, "cora"))
	// RQ_SIGN_UP → RQ_ERROR_MSG, ER_USER_EXST
	c.call("POST", "/v1/users", models.NewUser{Username: "Anna", Password: digest("other")}).problem(409, models.CodeUsernameTaken)
	// RQ_LOG_IN → RQ_ERROR_MSG, ER_AUTH_DATA
	logIn("guess").problem(401, models.CodeBadCredentials)
	c.call("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: "secret"}).problem(401, models.CodeBadCredentials)

	// A room to talk in. RQ_NEW_ROOM and RQ_JOIN_ROOM have their own places below.
	p.room = p.anna.founds(models.NewRoom{Name: ptr("Cyclists"), Description: ptr("On two wheels")}, p.anna, p.bert, p.cora, p.eve)
	p.bert.joins(roomPath(p.room.ID), p.anna, p.bert)
	p.bert.enters(p.room, p.bert)
}

// account signs a user up, with a name and a description of their own.
func (p *roomMessenger) account(c *client, login string) *client {
	p.t.Helper()
	a := c.as("")
	name, desc := "The one and only "+login, "I am "+login
	a.session(a.call("POST", "/v1/users", models.NewUser{
		Username: login, Password: digest("secret"), DisplayName: &name, Description: &desc,
	}), 201, models.User{Username: login, DisplayName: name, Description: desc})
	return a
}

// profile is how the actor is seen: online.
func (a *actor) profile() models.User {
	u := a.User
	u.Online = true
	return u
}

// again is another session of the actor's account.
func (p *roomMessenger) again(of *actor) *client {
	p.t.Helper()
	c := of.as("")
	c.session(c.call("POST", "/v1/sessions", models.Credentials{Username: of.User.Username, Password: digest("secret")}),
		201, of.profile())
	if c.SessionID == of.SessionID || c.User.ID != of.User.ID {
		p.t.Errorf("a second log-in of %+v is %+v", of.Session, c.Session)
	}
	return c
}

func (p *roomMessenger) token() {
	// RQ_LOG_IN → RQ_TOKEN
	c := p.again(p.anna)
	// RQ_TOKEN, to come back with → RQ_TOKEN with login and desc
	c.call("GET", "/v1/users/me", nil).status(200).is(p.anna.profile())
	// RQ_TOKEN with a token that has served its time → RQ_TOKEN with the next one
	before := c.Session
	c.session(c.as("").call("POST", refreshPath, refresh(c.RefreshToken)), 200, p.anna.profile())
	if c.SessionID != before.SessionID || c.RefreshToken == before.RefreshToken {
		p.t.Errorf("got %+v after %+v", c.Session, before)
	}
	c.call("GET", "/v1/users/me", nil).status(200).is(p.anna.profile())
	// RQ_TOKEN → RQ_ERROR_MSG
	c.as("nonsense").call("GET", "/v1/users/me", nil).problem(401, models.CodeUnauthenticated)
	c.as("").call("GET", "/v1/users/me", nil).problem(401, models.CodeUnauthenticated)
}

func (p *roomMessenger) msg() {
	// RQ_MSG, DB_TEXT_MSG → RQ_MSG to every online member
	p.anna.writes(p.room, 1, text("Who has a pump?")).created(p.anna, p.bert)
	p.bert.writes(p.room, 2, text("I have.")).created(p.bert).notified(p.anna)
	// RQ_MSG, DB_STICKER
	p.anna.writes(p.room, 3, models.NewMessage{Type: models.MessageSticker, Text: "thumbs-up"}).created(p.anna, p.bert)
	// RQ_MSG → RQ_ERROR_MSG
	path := roomPath(p.room.ID) + "/messages"
	p.cora.call("POST", path, text("And I?")).problem(403, models.CodeForbidden)
	p.anna.wrong("POST", path, models.NewMessage{Type: "song", Text: "la"}).invalid("type")
	p.anna.call("POST", roomPath(999_999)+"/messages", text("Hello?")).problem(404, models.CodeNotFound)
}

func (p *roomMessenger) editMsg() {
	// RQ_EDIT_MSG → RQ_EDIT_MSG to every online member
	path := messagePath(models.Message{RoomID: p.room.ID, ID: 1})
	want := get[models.Message](p.anna.client, path)
	edit := models.MessageEdit{Text: "Who has a pump for me?"}
	var edited models.Message
	a := p.anna.call("PATCH", path, edit).status(200).into(&edited)
	want.Text, want.EditedAt = edit.Text, p.anna.dated(edited.EditedAt)
	a.is(want).pushes(models.EventMessageEdited, want, p.anna, p.bert)
	p.bert.call("GET", path, nil).status(200).is(want)
	// RQ_EDIT_MSG of what another one wrote → RQ_ERROR_MSG
	p.bert.call("PATCH", path, edit).problem(403, models.CodeForbidden)
}

func (p *roomMessenger) delMsg() {
	// RQ_DEL_MSG → RQ_DEL_MSG to every online member
	path := messagePath(models.Message{RoomID: p.room.ID, ID: 2})
	want := get[models.Message](p.bert.client, path)
	p.bert.call("DELETE", path, nil).status(204).
		pushes(models.EventMessageDeleted, models.MessageRef{RoomID: p.room.ID, MessageID: 2}, p.anna, p.bert)
	want.Text, want.DeletedAt = "", get[models.Message](p.anna.client, path).DeletedAt
	p.bert.dated(want.DeletedAt)
	p.anna.call("GET", path, nil).status(200).is(want)
	if n := p.anna.look(p.room.ID).MessageCount; n != 2 {
		p.t.Errorf("of three messages one is deleted, and %d are left", n)
	}
	// RQ_DEL_MSG of what another one wrote → RQ_ERROR_MSG
	p.bert.call("DELETE", messagePath(models.Message{RoomID: p.room.ID, ID: 1}), nil).problem(403, models.CodeForbidden)
}

func (p *roomMessenger) delHist() {
	path := roomPath(p.room.ID) + "/messages"
	// RQ_DEL_HIST of one who may not → RQ_ERROR_MSG
	p.bert.call("DELETE", path, nil).problem(403, models.CodeForbidden)
	// RQ_DEL_HIST → RQ_DEL_HIST to every online member
	p.anna.call("DELETE", path, nil).status(204).
		pushes(models.EventHistoryCleared, models.HistoryCleared{RoomID: p.room.ID, UpToID: 3}, p.anna, p.bert)
	p.bert.holds(path)
	if r := p.bert.look(p.room.ID); r.MessageCount != 0 || r.Membership.UnreadCount != 0 {
		p.t.Errorf("without its history the room is %+v", r)
	}
}

func (p *roomMessenger) findMsgs() {
	path := roomPath(p.room.ID) + "/messages"
	var all []models.Message
	for i, line := range []string{"Pump found", "Patch found", "Pump lost", "pump found again", "The pump is mine"} {
		m := p.anna.writes(p.room, int64(4+i), text(line)).created(p.anna, p.bert)
		all = append(all, m.Message)
		laterThan(m.CreatedAt)
	}
	// RQ_GET_NEW_MSGS: the first two since a date
	p.bert.holdsSome(path+"?limit=2&since="+date(all[1].CreatedAt), all[1], all[2])
	// RQ_SEARCH_MSGS: those that start so, the newest first
	p.bert.holds(path+"/search?prefix=Pump+f", all[3], all[0])
	p.bert.holds(path + "/search?prefix=found")
	// RQ_OLD_MSGS: the last two before a date
	p.bert.holdsSome(path+"?limit=2&until="+date(all[3].CreatedAt), all[1], all[2])
	// RQ_OLD_MSGS: all of them
	p.bert.holds(path+"?limit=9&until="+date(models.Now()), all...)
}

// holdsSome is holds for a page after which there are more.
func (a *actor) holdsSome(path string, want ...models.Message) {
	a.t.Helper()
	var page models.Page[models.Message]
	got := a.call("GET", path, nil).status(200).into(&page)
	if page.NextCursor == "" {
		a.t.Errorf("%v\nends the list", got)
	}
	got.is(models.Page[models.Message]{Items: want, NextCursor: page.NextCursor})
}

// date is a time as a query takes it.
func date(at models.Time) string { return url.QueryEscape(at.Format("2006-01-02T15:04:05.000Z07:00")) }

func (p *roomMessenger) getRooms() {
	room := p.anna.look(p.room.ID)
	since := func(at models.Time) *answer { return p.anna.call("GET", "/v1/rooms?since="+date(at), nil).status(200) }
	// RQ_GET_ROOMS with the date of the newest change → the room
	since(room.UpdatedAt).is(models.Page[models.Room]{Items: []models.Room{room}})
	// RQ_GET_ROOMS with a later date → none
	since(laterThan(room.UpdatedAt)).is(models.Page[models.Room]{Items: []models.Room{}})
}

func (p *roomMessenger) newAndDelRoom() {
	// RQ_NEW_ROOM → RQ_NEW_ROOM; a public room is told to everybody, a private one to its members
	open := p.bert.founds(models.NewRoom{Name: ptr("Open"), Description: ptr("To all")}, p.anna, p.bert, p.cora, p.eve)
	secret := p.anna.founds(models.NewRoom{Name: ptr("Secret"), Kind: ptr(models.RoomPrivate)}, p.anna)
	p.anna.call("PUT", memberPath(secret.ID, p.cora.client), models.RoleChange{}).status(200).
		pushes(models.EventMemberJoined, p.cora.membership(secret), p.anna, p.cora)
	// RQ_NEW_ROOM without a name → RQ_ERROR_MSG
	p.anna.wrong("POST", "/v1/rooms", models.NewRoom{Description: ptr("Nameless")}).invalid("name")

	// RQ_DEL_ROOM of one who may not, and of one who may not even know of it → RQ_ERROR_MSG
	p.cora.call("DELETE", roomPath(secret.ID), nil).problem(403, models.CodeForbidden)
	p.bert.call("DELETE", roomPath(secret.ID), nil).problem(404, models.CodeNotFound)
	// RQ_DEL_ROOM → RQ_DEL_ROOM to those who were told of its making
	p.anna.call("DELETE", roomPath(secret.ID), nil).status(204).
		pushes(models.EventRoomDeleted, models.RoomGone{RoomID: secret.ID}, p.anna, p.cora)
	p.bert.call("DELETE", roomPath(open.ID), nil).status(204).
		pushes(models.EventRoomDeleted, models.RoomGone{RoomID: open.ID}, p.anna, p.bert, p.cora, p.eve)
	p.bert.call("GET", roomPath(open.ID), nil).problem(404, models.CodeNotFound)
}

func (p *roomMessenger) joinRoom() {
	// RQ_JOIN_ROOM → RQ_JOIN_ROOM to the one who joins, RQ_NEW_MEMBER to every online member
	p.cora.joins(roomPath(p.room.ID), p.anna, p.bert, p.cora)
	p.anna.writes(p.room, 9, text("Welcome!")).created(p.anna, p.bert).notified(p.cora)
	// RQ_JOIN_ROOM of a room that there is not → RQ_ERROR_MSG
	p.cora.call("PUT", roomPath(999_999)+"/members/me", nil).problem(404, models.CodeNotFound)
}

func (p *roomMessenger) updRoom() {
	update := func(change models.RoomChange, apply func(r *models.Room)) {
		p.t.Helper()
		want := p.anna.look(p.room.ID)
		var room models.Room
		a := p.anna.call("PATCH", roomPath(p.room.ID), change).status(200).into(&room)
		apply(&want)
		want.UpdatedAt = p.anna.dated(room.UpdatedAt)
		a.is(want)
		want.Membership = nil
		a.pushes(models.EventRoomUpdated, want, p.anna, p.bert, p.cora)
		p.eve.call("GET", roomPath(p.room.ID), nil).status(200).is(want)
	}
	// RQ_UPD_ROOM_NAME → RQ_UPD_ROOM_NAME to every online member
	update(models.RoomChange{Name: ptr("Bicycle club")}, func(r *models.Room) { r.Name = "Bicycle club" })
	// RQ_UPD_ROOM_DESC → RQ_UPD_ROOM_DESC to every online member
	update(models.RoomChange{Description: ptr("Pumps for all")}, func(r *models.Room) { r.Description = "Pumps for all" })
	// RQ_UPD_ROOM_NAME of one who may not → RQ_ERROR_MSG
	p.cora.call("PATCH", roomPath(p.room.ID), models.RoomChange{Name: ptr("Mine")}).problem(403, models.CodeForbidden)
}

func (p *roomMessenger) searchCh() {
	p.anna.founds(models.NewRoom{Name: ptr("Bicycle thieves"), Kind: ptr(models.RoomPrivate)}, p.anna)
	room := p.eve.look(p.room.ID)
	// RQ_SEARCH_CH: the public rooms whose name starts so
	for prefix, want := range map[string][]models.Room{"bicycle": {room}, "Bicycle+c": {room}, "club": {}, "Cyclists": {}} {
		p.eve.call("GET", "/v1/rooms/search?prefix="+prefix, nil).status(200).is(models.Page[models.Room]{Items: want})
	}
}

func (p *roomMessenger) members() {
	// RQ_GET_MEMBERS
	var page models.Page[models.Member]
	a := p.cora.call("GET", roomPath(p.room.ID)+"/members", nil).status(200).into(&page)
	want := []models.Member{
		{User: p.anna.profile(), Role: models.RoleOwner},
		{User: p.bert.profile(), Role: models.RoleMember, Present: true},
		{User: p.cora.profile(), Role: models.RoleMember},
	}
	for i := range min(len(want), len(page.Items)) {
		want[i].JoinedAt = p.anna.dated(page.Items[i].JoinedAt)
	}
	a.is(models.Page[models.Member]{Items: want})
	// RQ_MEMBER_INFO → login and desc
	p.cora.call("GET", fmt.Sprintf("/v1/users/%d", p.bert.User.ID), nil).status(200).is(p.bert.profile())
	// RQ_MEMBER_INFO of somebody whom there is not → RQ_ERROR_MSG
	p.cora.call("GET", "/v1/users/999999", nil).problem(404, models.CodeNotFound)
}

func (p *roomMessenger) banMember() {
	// RQ_BAN_MEMBER of one who may not → RQ_ERROR_MSG
	p.bert.call("PUT", banPath(p.room.ID, p.cora.client), models.NewBan{}).problem(403, models.CodeForbidden)
	// RQ_BAN_MEMBER → RQ_BAN_MEMBER to every online member, of whom the banned one is still one
	var ban models.Ban
	a := p.anna.call("PUT", banPath(p.room.ID, p.cora.client), models.NewBan{Reason: ptr("Took my pump")}).status(200).into(&ban)
	a.is(models.Ban{User: p.cora.profile(), Reason: "Took my pump", BannedBy: p.anna.User.Ref(), CreatedAt: p.anna.dated(ban.CreatedAt)})
	a.pushes(models.EventMemberBanned,
		models.MemberEvent{RoomID: p.room.ID, User: p.cora.User.Ref(), Reason: "Took my pump"}, p.anna, p.bert, p.cora)
	// RQ_MSG, which cora neither gets nor sends any more
	p.bert.writes(p.room, 10, text("At last.")).created(p.bert).notified(p.anna)
	p.cora.call("POST", roomPath(p.room.ID)+"/messages", text("But")).problem(403, models.CodeBanned)
	p.cora.call("PUT", roomPath(p.room.ID)+"/members/me", nil).problem(403, models.CodeBanned)
}

func (p *roomMessenger) updUserDesc() {
	// RQ_UPD_USER_DESC → RQ_UPD_USER_DESC
	want := p.bert.profile()
	want.Description = "I have a pump"
	p.bert.call("PATCH", "/v1/users/me", models.ProfileChange{Description: &want.Description}).status(200).is(want)
	p.anna.call("GET", "/v1/users/@bert", nil).status(200).is(want)
}

func (p *roomMessenger) files() {
	letter := part{"file", "pump.txt", "text/plain", "How to use a pump: up and down."}
	path := roomPath(p.room.ID) + "/files?name=" + letter.name
	// RQ_UPLOAD_FILE → RQ_READY_READ, which comes before a byte of the file is sent
	var f models.File
	p.anna.readyFor("POST", path, []byte(letter.content), "Content-Type", letter.mediaType).status(201).into(&f)
	p.anna.stored(p.room, f, letter)
	// RQ_MSG of a file, which every online member is told of
	sent := p.anna.writes(p.room, 11, models.NewMessage{Type: models.MessageFile, FileIDs: []string{f.ID}}, letter).created(p.anna, p.bert)
	// RQ_DOWNLOAD_FILE of a message → RQ_DOWNLOAD_FILE with size and name, and the file
	p.bert.call("GET", messagePath(sent.Message), nil).status(200).is(sent.Message)
	sent.downloaded(p.anna, p.bert, p.eve).hidden(p.cora)
	// RQ_MSG of a picture
	photograph := part{"file", "pump.png", "image/png", string(dot())}
	p.bert.readyFor("POST", roomPath(p.room.ID)+"/files?name="+photograph.name, []byte(photograph.content),
		"Content-Type", photograph.mediaType).
		status(201).into(&f)
	p.bert.writes(p.room, 12, models.NewMessage{Type: models.MessageImage, Text: "Mine.", FileIDs: []string{f.ID}}, photograph).
		created(p.bert).notified(p.anna).downloaded(p.anna, p.bert, p.eve).hidden(p.cora)
	// RQ_UPLOAD_FILE of those who may not → RQ_ERROR_MSG in place of RQ_READY_READ
	p.eve.notReadyFor("POST", path, []byte(letter.content), "Content-Type", letter.mediaType).problem(403, models.CodeForbidden)
	p.cora.notReadyFor("POST", path, []byte(letter.content), "Content-Type", letter.mediaType).problem(403, models.CodeBanned)
	// RQ_DOWNLOAD_FILE of one that there is not → RQ_ERROR_MSG
	p.bert.call("GET", "/v1/files/f_none/content", nil).problem(404, models.CodeNotFound)
}

func (p *roomMessenger) logOut(s *testServer) {
	phone := p.again(p.anna).attend()
	// RQ_LOG_OUT from the client: anna ends the session of her phone, which is told so by the server
	p.anna.call("DELETE", "/v1/sessions/"+phone.SessionID, nil).status(204).quiet()
	p.out(phone)
	p.anna.call("GET", "/v1/users/me", nil).status(200)
	// RQ_LOG_OUT of the session itself, both ways
	p.bert.call("DELETE", "/v1/sessions/current", nil).status(204).quiet()
	p.out(p.bert)
	// It was bert's last stream. In a few seconds he is told to have gone, to those who know him.
	s.hub.Sweep(time.Now().Add(6 * time.Second))
	at := p.anna.stream.expectStatus(models.EventUserOffline, p.bert.client)
	if at != p.eve.stream.expectStatus(models.EventUserOffline, p.bert.client) {
		p.t.Errorf("bert went at %v, or at another time", at)
	}
}

// out wants the actor's session to be over: the stream says so and ends, and no token of it opens anything.
func (p *roomMessenger) out(a *actor) {
	p.t.Helper()
	told(p.t, models.EventSessionRevoked, models.SessionRevoked{SessionID: a.SessionID, Reason: models.RevokedByLogOut}, a)
	a.stream.end()
	a.call("GET", "/v1/users/me", nil).problem(401, models.CodeSessionRevoked)
	a.as("").call("POST", refreshPath, refresh(a.RefreshToken)).problem(401, models.CodeSessionRevoked)
}
