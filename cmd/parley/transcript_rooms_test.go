package main

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
)

// founds makes a room, which these are told of, and answers it as events show it.
func (a *actor) founds(n models.NewRoom, to ...*actor) models.Room {
	a.t.Helper()
	var room models.Room
	made := a.call("POST", "/v1/rooms", n).status(201).into(&room)
	if room.ID < 1 || room.Membership == nil || made.header("Location") != roomPath(room.ID) {
		a.t.Fatalf("%v\nis no room of the maker's, or is at %q", made, made.header("Location"))
	}
	want := models.Room{
		ID: room.ID, Handle: given(n.Handle), Name: given(n.Name), Description: given(n.Description),
		Kind: models.RoomPublic, Subject: given(n.Subject), OwnerID: a.User.ID,
		CreatedAt: a.dated(room.CreatedAt), UpdatedAt: room.CreatedAt, ActiveAt: room.CreatedAt, MemberCount: 1,
		Membership: &models.Membership{Role: models.RoleOwner, JoinedAt: a.dated(room.Membership.JoinedAt)},
	}
	if n.Kind != nil {
		want.Kind = *n.Kind
	}
	made.is(want)
	want.Membership = nil
	made.pushes(models.EventRoomCreated, want, to...)
	return want
}

func given[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// joins makes the actor a member of the public room at path, which these are told of. What is there counts as read.
func (a *actor) joins(path string, to ...*actor) {
	a.t.Helper()
	want := get[models.Room](a.client, path)
	var room models.Room
	joined := a.call("PUT", path+"/members/me", nil).status(200).into(&room)
	if want.Membership != nil || room.Membership == nil {
		a.t.Fatalf("%+v is, joined, %v", want, joined)
	}
	want.MemberCount++
	want.Membership = &models.Membership{
		Role: models.RoleMember, JoinedAt: a.dated(room.Membership.JoinedAt), LastReadID: want.LastMessageID,
	}
	joined.is(want).pushes(models.EventMemberJoined, a.membership(room), to...)
}

// leaves ends the actor's membership in the room at path, which these are told of.
func (a *actor) leaves(path string, to ...*actor) {
	a.t.Helper()
	room := get[models.Room](a.client, path)
	a.call("DELETE", path+"/members/me", nil).status(204).pushes(models.EventMemberLeft, a.membership(room), to...)
}

func (a *actor) membership(room models.Room) models.MemberEvent {
	return models.MemberEvent{RoomID: room.ID, Subject: room.Subject, User: a.User.Ref(), Role: models.RoleMember}
}

// enters puts the actor's stream into the room, and exits takes it out, which those in the room are told of.
func (a *actor) enters(room models.Room, inside ...*actor) {
	a.t.Helper()
	a.call("PUT", presencePath(room.ID, a.stream), nil).status(204).
		pushes(models.EventPresenceEntered, a.presence(room), inside...)
}

func (a *actor) exits(room models.Room, inside ...*actor) {
	a.t.Helper()
	a.call("DELETE", presencePath(room.ID, a.stream), nil).status(204).
		pushes(models.EventPresenceLeft, a.presence(room), inside...)
}

func (a *actor) presence(room models.Room) models.PresenceEvent {
	return models.PresenceEvent{RoomID: room.ID, Subject: room.Subject, User: a.User.Ref()}
}

// sent is a message and the answer that it came in.
type sent struct {
	*answer
	models.Message
}

// writes sends a message into the room, of which it becomes the one with that id. The files that it names are these.
func (a *actor) writes(room models.Room, id int64, n models.NewMessage, files ...part) sent {
	a.t.Helper()
	return a.wrote(a.call("POST", roomPath(room.ID)+"/messages", n), room, id, n, files...)
}

// addresses sends a message to a channel or a user, in whose room it becomes the one with that id.
func (a *actor) addresses(target string, id int64, n models.NewMessage) sent {
	a.t.Helper()
	return a.wrote(a.call("POST", "/v1/messages", models.TargetedMessage{Target: target, NewMessage: n}), models.Room{}, id, n)
}

// wrote wants the answer to be the message that the actor sent into the room, or into one that only the answer names, with
// these files.
func (a *actor) wrote(by *answer, room models.Room, id int64, n models.NewMessage, files ...part) sent {
	a.t.Helper()
	var m models.Message
	by.status(201).into(&m)
	if room.ID == 0 {
		room.ID = m.RoomID
	}
	want := models.Message{
		ID: id, RoomID: room.ID, Subject: room.Subject, Sender: a.User.Ref(), Type: n.Type, Text: n.Text,
		Files: []models.File{}, Reactions: []models.Reaction{}, CreatedAt: a.dated(m.CreatedAt),
	}
	if n.Type == "" {
		want.Type = models.MessageText
	}
	if len(m.Files) != len(files) {
		a.t.Fatalf("%v\nwas sent with %d files", by, len(files))
	}
	for i, p := range files {
		want.Files = append(want.Files, a.stored(room, m.Files[i], p))
	}
	if by.header("Location") != messagePath(want) {
		a.t.Errorf("%v\nis at %q", by, by.header("Location"))
	}
	return sent{by.is(want), want}
}

// created wants the message with the sender and those in the room, notified the same with the other members.
func (s sent) created(to ...*actor) sent {
	s.t.Helper()
	s.pushes(models.EventMessageCreated, s.Message, to...)
	return s
}

func (s sent) notified(to ...*actor) sent {
	s.t.Helper()
	s.pushes(models.EventMessageNotification, s.Message, to...)
	return s
}

// text is a message of the plain kind.
func text(s string) models.NewMessage { return models.NewMessage{Text: s} }

// holds wants the messages at path, which ends in a query or needs none, to be these.
func (a *actor) holds(path string, want ...models.Message) {
	a.t.Helper()
	if want == nil {
		want = []models.Message{}
	}
	a.call("GET", path, nil).status(200).is(models.Page[models.Message]{Items: want})
}

// theEnd is told to everybody. Nothing else was, since what was checked last.
func theEnd(t *testing.T, by *actor, everybody ...*actor) {
	t.Helper()
	by.founds(models.NewRoom{Name: ptr(fmt.Sprint("the end of ", t.Name()))}, everybody...)
}
