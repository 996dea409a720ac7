package api

import (
	"fmt"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// sentTea fills a room with messages that all searches of the table find.
func sentTea(c *harness.Client, roomID int64) (messages []models.Message, ids []string) {
	c.T.Helper()
	for i := range listSize {
		m := c.SendText(roomID, fmt.Sprintf("tea at %d", i))
		messages, ids = append(messages, m), append(ids, listed(m.ID, roomID))
	}
	return messages, ids
}

// movingMessages is what may happen to messages that are found all the time. deleted is for lists that show tombstones.
func movingMessages(me *harness.Client, messages []models.Message, deleted bool) map[string]any {
	roomID := messages[0].RoomID
	moves := map[string]any{
		"edited": func(i int) {
			me.Call("PATCH", harness.MessagePath(messages[i]), models.MessageEdit{Text: harness.UniqueName("tea, edited")}).ExpectStatus(200)
		},
		"edited away and back": func(i int) {
			me.Call("PATCH", harness.MessagePath(messages[i]), models.MessageEdit{Text: "other"}).ExpectStatus(200)
			me.Call("PATCH", harness.MessagePath(messages[i]), models.MessageEdit{Text: "tea again"}).ExpectStatus(200)
		},
		"new ones":       func() { me.SendText(roomID, "tea, new") },
		"others deleted": func() { deletePath(me, harness.MessagePath(me.SendText(roomID, "tea, gone"))) },
		"reactions": func(i int) {
			me.Call("PUT", reactionPath(messages[i], "👍"), nil).ExpectStatus(200)
			deletePath(me, reactionPath(messages[i], "👍"))
		},
	}
	if deleted {
		moves["deleted"] = func(i int) { deletePath(me, harness.MessagePath(messages[i])) }
	}
	return moves
}

// listOfMessages are those of a room, of which the first is not asked for.
func listOfMessages(c *harness.Client, query string) *movingList {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	me.SendText(room.ID, "first")
	messages, ids := sentTea(me, room.ID)
	return &movingList{
		by: me, path: harness.RoomPath(room.ID) + "/messages" + query, want: ids,
		moves: movingMessages(me, messages, query[0] == '?'),
	}
}

func listOfFoundAnywhere(c *harness.Client) *movingList {
	me := c.NewGuest("ada")
	rooms, _ := ownRooms(me, models.NewRoom{})
	var messages []models.Message
	var ids []string
	for i := range listSize {
		m := me.SendText(rooms[i].ID, "tea")
		messages, ids = append(messages, m), append(ids, listed(m.ID, m.RoomID))
	}
	moves := movingMessages(me, messages, false)
	moves["messages everywhere"] = func(i int) { me.SendText(rooms[i].ID, "tea"); me.SendText(rooms[i].ID, "coffee") }
	moves["rooms joined and left"] = func() {
		r := c.NewGuest("grace").CreatePublicRoom(me)
		me.SendText(r.ID, "tea")
		deletePath(me, harness.RoomPath(r.ID)+"/members/me")
		me.JoinRoom(r.ID)
	}
	return &movingList{by: me, path: "/v1/search?q=tea&", want: ids, moves: moves}
}

func listOfPins(c *harness.Client) *movingList {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	messages, ids := sentTea(me, room.ID)
	pin := func(m models.Message) { me.Call("PUT", pinPath(m), nil).ExpectStatus(200) }
	for _, m := range messages {
		pin(m)
	}
	moves := movingMessages(me, messages, false)
	moves["removed and put again"] = func(i int) { deletePath(me, pinPath(messages[i])); pin(messages[i]) }
	moves["new pins"] = func() { pin(me.SendText(room.ID, "new")) }
	moves["pinned and deleted"] = func() {
		m := me.SendText(room.ID, "gone")
		pin(m)
		deletePath(me, harness.MessagePath(m))
	}
	return &movingList{by: me, path: harness.RoomPath(room.ID) + "/pins?", want: ids, moves: moves}
}

// listOfEvents are polled. What is wanted of them are the six messages.
func listOfEvents(c *harness.Client) *movingList {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	begin := eventCursor(me)
	var ids []string
	var messages []models.Message
	for i := range listSize {
		var m models.Message
		a := me.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: fmt.Sprint("tea ", i)}).ExpectStatus(201).Decode(&m)
		messages, ids = append(messages, m), append(ids, a.EventID())
	}
	return &movingList{
		by: me, path: "/v1/events?", want: ids, polled: begin, moves: movingMessages(me, messages, true),
	}
}
