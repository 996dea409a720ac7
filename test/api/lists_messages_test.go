package api

import (
	"fmt"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// sendTeaMessages fills a room with messages that all searches of movingLists find.
func sendTeaMessages(c *harness.Client, roomID int64) (messages []models.Message, ids []string) {
	c.T.Helper()
	for i := range listSize {
		m := c.SendText(roomID, fmt.Sprintf("tea at %d", i))
		messages, ids = append(messages, m), append(ids, listed(m.ID, roomID))
	}
	return messages, ids
}

// movingMessages returns changes to messages after which a list still has them. deleted is for lists with tombstones.
func movingMessages(me *harness.Client, messages []models.Message, deleted bool) map[string]any {
	roomID := messages[0].RoomID
	moves := map[string]any{
		"edited": func(i int) {
			me.Call("PATCH", harness.MessagePath(messages[i]), models.MessageEdit{Text: harness.UniqueName("tea, edited")}).
				ExpectStatus(200)
		},
		"edited twice, found again": func(i int) {
			me.Call("PATCH", harness.MessagePath(messages[i]), models.MessageEdit{Text: "other"}).ExpectStatus(200)
			me.Call("PATCH", harness.MessagePath(messages[i]), models.MessageEdit{Text: "tea again"}).ExpectStatus(200)
		},
		"new ones":       func() { me.SendText(roomID, "tea, new") },
		"others deleted": func() { deletePath(me, harness.MessagePath(me.SendText(roomID, "tea, deleted"))) },
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

// listOfMessages is a list of a room's messages without the first one.
func listOfMessages(c *harness.Client, query string) *movingList {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	me.SendText(room.ID, "first")
	messages, ids := sendTeaMessages(me, room.ID)
	return &movingList{
		by: me, path: harness.RoomPath(room.ID) + "/messages" + query, want: ids,
		moves: movingMessages(me, messages, query[0] == '?'),
	}
}

// listOfSearchEverywhere is a list of messages that a search in all rooms finds.
func listOfSearchEverywhere(c *harness.Client) *movingList {
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

// listOfPins is a list of a room's pinned messages.
func listOfPins(c *harness.Client) *movingList {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	messages, ids := sendTeaMessages(me, room.ID)
	pin := func(m models.Message) { me.Call("PUT", pinPath(m), nil).ExpectStatus(200) }
	for _, m := range messages {
		pin(m)
	}
	moves := movingMessages(me, messages, false)
	moves["removed and pinned again"] = func(i int) { deletePath(me, pinPath(messages[i])); pin(messages[i]) }
	moves["new pins"] = func() { pin(me.SendText(room.ID, "new")) }
	moves["pinned and deleted"] = func() {
		m := me.SendText(room.ID, "deleted")
		pin(m)
		deletePath(me, harness.MessagePath(m))
	}
	return &movingList{by: me, path: harness.RoomPath(room.ID) + "/pins?", want: ids, moves: moves}
}

// listOfEvents is a list of events, from which the messages' events are wanted.
func listOfEvents(c *harness.Client) *movingList {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	begin := eventCursor(me)
	var ids []string
	var messages []models.Message
	for i := range listSize {
		var m models.Message
		a := me.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: fmt.Sprint("tea ", i)}).
			ExpectStatus(201).Decode(&m)
		messages, ids = append(messages, m), append(ids, a.EventID())
	}
	return &movingList{
		by: me, path: "/v1/events/log?after=" + begin + "&", want: ids, moves: movingMessages(me, messages, true),
	}
}
