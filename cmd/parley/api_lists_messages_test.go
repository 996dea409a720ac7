package main

import (
	"fmt"

	"github.com/parley-chat/parley/models"
)

// toldTea fills a room with messages that all searches of the table find.
func (c *client) toldTea(roomID int64) (messages []models.Message, ids []string) {
	c.t.Helper()
	for i := range listSize {
		m := c.say(roomID, fmt.Sprintf("tea at %d", i))
		messages, ids = append(messages, m), append(ids, listed(m.ID, roomID))
	}
	return messages, ids
}

// movingMessages is what may happen to messages that are found all the time. deleted is for lists that show tombstones.
func movingMessages(me *client, messages []models.Message, deleted bool) map[string]any {
	roomID := messages[0].RoomID
	moves := map[string]any{
		"edited": func(i int) {
			me.call("PATCH", messagePath(messages[i]), models.MessageEdit{Text: unique("tea, edited")}).status(200)
		},
		"edited away and back": func(i int) {
			me.call("PATCH", messagePath(messages[i]), models.MessageEdit{Text: "other"}).status(200)
			me.call("PATCH", messagePath(messages[i]), models.MessageEdit{Text: "tea again"}).status(200)
		},
		"new ones":       func() { me.say(roomID, "tea, new") },
		"others deleted": func() { me.remove(messagePath(me.say(roomID, "tea, gone"))) },
		"reactions": func(i int) {
			me.call("PUT", reactionPath(messages[i], "👍"), nil).status(200)
			me.remove(reactionPath(messages[i], "👍"))
		},
	}
	if deleted {
		moves["deleted"] = func(i int) { me.remove(messagePath(messages[i])) }
	}
	return moves
}

// listOfMessages are those of a room, of which the first is not asked for.
func listOfMessages(c *client, query string) *movingList {
	me := c.newcomer("ada")
	room := me.publicRoom()
	me.say(room.ID, "first")
	messages, ids := me.toldTea(room.ID)
	return &movingList{
		by: me, path: roomPath(room.ID) + "/messages" + query, want: ids,
		moves: movingMessages(me, messages, query[0] == '?'),
	}
}

func listOfFoundAnywhere(c *client) *movingList {
	me := c.newcomer("ada")
	rooms, _ := me.ownRooms(models.NewRoom{})
	var messages []models.Message
	var ids []string
	for i := range listSize {
		m := me.say(rooms[i].ID, "tea")
		messages, ids = append(messages, m), append(ids, listed(m.ID, m.RoomID))
	}
	moves := movingMessages(me, messages, false)
	moves["messages everywhere"] = func(i int) { me.say(rooms[i].ID, "tea"); me.say(rooms[i].ID, "coffee") }
	moves["rooms joined and left"] = func() {
		r := c.newcomer("grace").publicRoom(me)
		me.say(r.ID, "tea")
		me.remove(roomPath(r.ID) + "/members/me")
		me.join(r.ID)
	}
	return &movingList{by: me, path: "/v1/search?q=tea&", want: ids, moves: moves}
}

func listOfPins(c *client) *movingList {
	me := c.newcomer("ada")
	room := me.publicRoom()
	messages, ids := me.toldTea(room.ID)
	pin := func(m models.Message) { me.call("PUT", pinPath(m), nil).status(200) }
	for _, m := range messages {
		pin(m)
	}
	moves := movingMessages(me, messages, false)
	moves["removed and put again"] = func(i int) { me.remove(pinPath(messages[i])); pin(messages[i]) }
	moves["new pins"] = func() { pin(me.say(room.ID, "new")) }
	moves["pinned and deleted"] = func() {
		m := me.say(room.ID, "gone")
		pin(m)
		me.remove(messagePath(m))
	}
	return &movingList{by: me, path: roomPath(room.ID) + "/pins?", want: ids, moves: moves}
}

// listOfEvents are polled. What is wanted of them are the six messages.
func listOfEvents(c *client) *movingList {
	me := c.newcomer("ada")
	room := me.publicRoom()
	begin := me.head()
	var ids []string
	var messages []models.Message
	for i := range listSize {
		var m models.Message
		a := me.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: fmt.Sprint("tea ", i)}).status(201).into(&m)
		messages, ids = append(messages, m), append(ids, a.eventID())
	}
	return &movingList{
		by: me, path: "/v1/events?", want: ids, polled: begin, moves: movingMessages(me, messages, true),
	}
}
