package harness

import (
	"github.com/parley-chat/parley/models"
)

// Profile returns the participant's user as others see it, which is online.
func (p *Participant) Profile() models.User {
	u := p.User
	u.Online = true
	return u
}

// ExpectSomeMessages expects a page of these messages at path, after which there are more pages.
func (p *Participant) ExpectSomeMessages(path string, want ...models.Message) {
	p.T.Helper()
	var page models.Page[models.Message]
	got := p.Call("GET", path, nil).ExpectStatus(200).Decode(&page)
	if page.NextCursor == "" {
		p.T.Errorf("%v\nhas no next_cursor", got)
	}
	got.ExpectBody(models.Page[models.Message]{Items: want, NextCursor: page.NextCursor})
}

// CreateRoom creates a room, expects the event at these participants, and returns the room as events show it.
func (p *Participant) CreateRoom(n models.NewRoom, to ...*Participant) models.Room {
	p.T.Helper()
	var room models.Room
	created := p.Call("POST", "/v1/rooms", n).ExpectStatus(201).Decode(&room)
	if room.ID < 1 || room.Membership == nil || created.Header("Location") != RoomPath(room.ID) {
		p.T.Fatalf("%v\nis not a room with its owner's membership, or has the wrong Location %q",
			created, created.Header("Location"))
	}
	want := models.Room{
		ID: room.ID, Handle: valueOf(n.Handle), Name: valueOf(n.Name), Description: valueOf(n.Description),
		Kind: models.RoomPublic, Subject: valueOf(n.Subject), OwnerID: p.User.ID,
		CreatedAt: p.ExpectRecent(room.CreatedAt), UpdatedAt: room.CreatedAt, ActiveAt: room.CreatedAt, MemberCount: 1,
		Membership: &models.Membership{Role: models.RoleOwner, JoinedAt: p.ExpectRecent(room.Membership.JoinedAt)},
	}
	if n.Kind != nil {
		want.Kind = *n.Kind
	}
	created.ExpectBody(want)
	want.Membership = nil
	created.ExpectEvent(models.EventRoomCreated, want, to...)
	return want
}

func valueOf[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// JoinRoom makes the participant a member of the public room at path, and expects the event at these participants. All
// messages that the room has at that time count as read.
func (p *Participant) JoinRoom(path string, to ...*Participant) {
	p.T.Helper()
	want := Get[models.Room](p.Client, path)
	var room models.Room
	joined := p.Call("PUT", path+"/members/me", nil).ExpectStatus(200).Decode(&room)
	if want.Membership != nil || room.Membership == nil {
		p.T.Fatalf("the room was %+v\njoining returns %v", want, joined)
	}
	want.MemberCount++
	want.Membership = &models.Membership{
		Role: models.RoleMember, JoinedAt: p.ExpectRecent(room.Membership.JoinedAt), LastReadID: want.LastMessageID,
	}
	joined.ExpectBody(want).ExpectEvent(models.EventMemberJoined, p.MembershipEvent(room), to...)
}

// LeaveRoom ends the participant's membership in the room at path, and expects the event at these participants.
func (p *Participant) LeaveRoom(path string, to ...*Participant) {
	p.T.Helper()
	room := Get[models.Room](p.Client, path)
	p.Call("DELETE", path+"/members/me", nil).
		ExpectStatus(204).
		ExpectEvent(models.EventMemberLeft, p.MembershipEvent(room), to...)
}

// MembershipEvent returns the data of events about the participant's membership.
func (p *Participant) MembershipEvent(room models.Room) models.MemberEvent {
	return models.MemberEvent{RoomID: room.ID, Subject: room.Subject, User: p.User.Ref(), Role: models.RoleMember}
}

// EnterRoom makes the participant's stream present in the room, and expects the event at these participants.
func (p *Participant) EnterRoom(room models.Room, present ...*Participant) {
	p.T.Helper()
	p.Call("PUT", PresencePath(room.ID, p.Stream), nil).ExpectStatus(204).
		ExpectEvent(models.EventPresenceEntered, p.presenceEvent(room), present...)
}

// ExitRoom ends the presence of the participant's stream in the room, and expects the event at these participants.
func (p *Participant) ExitRoom(room models.Room, present ...*Participant) {
	p.T.Helper()
	p.Call("DELETE", PresencePath(room.ID, p.Stream), nil).ExpectStatus(204).
		ExpectEvent(models.EventPresenceLeft, p.presenceEvent(room), present...)
}

func (p *Participant) presenceEvent(room models.Room) models.PresenceEvent {
	return models.PresenceEvent{RoomID: room.ID, Subject: room.Subject, User: p.User.Ref()}
}

// SentMessage is a message together with the response to its send.
type SentMessage struct {
	*Response
	models.Message
}

// SendMessage sends a message to the room, and expects it to get the id and to have these files.
func (p *Participant) SendMessage(room models.Room, id int64, n models.NewMessage, files ...FormPart) SentMessage {
	p.T.Helper()
	return p.expectSent(p.Call("POST", RoomPath(room.ID)+"/messages", n), room, id, n, files...)
}

// SendMessageTo sends a message to a channel (#handle) or a user (@name), and expects it to get the id in that room.
func (p *Participant) SendMessageTo(target string, id int64, n models.NewMessage) SentMessage {
	p.T.Helper()
	return p.expectSent(p.Call("POST", "/v1/messages", models.TargetedMessage{Target: target, NewMessage: n}),
		models.Room{}, id, n)
}

// expectSent expects the response to be the message that the participant sent to the room, with these files. If room
// has no id, the response determines the room.
func (p *Participant) expectSent(
	response *Response,
	room models.Room,
	id int64,
	n models.NewMessage,
	files ...FormPart,
) SentMessage {
	p.T.Helper()
	var m models.Message
	response.ExpectStatus(201).Decode(&m)
	if room.ID == 0 {
		room.ID = m.RoomID
	}
	want := models.Message{
		ID: id, RoomID: room.ID, Subject: room.Subject, Sender: p.User.Ref(), Type: n.Type, Text: n.Text,
		Files: []models.File{}, Reactions: []models.Reaction{}, CreatedAt: p.ExpectRecent(m.CreatedAt),
	}
	if n.Type == "" {
		want.Type = models.MessageText
	}
	if len(m.Files) != len(files) {
		p.T.Fatalf("%v\nwant %d files", response, len(files))
	}
	for i, part := range files {
		want.Files = append(want.Files, p.ExpectFile(room, m.Files[i], part))
	}
	if got := response.Header("Location"); got != MessagePath(want) {
		p.T.Errorf("%v\nhas Location %q, want %q", response, got, MessagePath(want))
	}
	return SentMessage{response.ExpectBody(want), want}
}

// ExpectCreated expects message.created at the sender and at the participants who are present in the room.
func (s SentMessage) ExpectCreated(to ...*Participant) SentMessage {
	s.T.Helper()
	s.ExpectEvent(models.EventMessageCreated, s.Message, to...)
	return s
}

// ExpectNotified expects message.notification at members who are not present in the room.
func (s SentMessage) ExpectNotified(to ...*Participant) SentMessage {
	s.T.Helper()
	s.ExpectEvent(models.EventMessageNotification, s.Message, to...)
	return s
}

// ExpectMessages expects the page at path to have exactly these messages, without a further page.
func (p *Participant) ExpectMessages(path string, want ...models.Message) {
	p.T.Helper()
	if want == nil {
		want = []models.Message{}
	}
	p.Call("GET", path, nil).ExpectStatus(200).ExpectBody(models.Page[models.Message]{Items: want})
}
