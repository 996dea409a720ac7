package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestMessages(t *testing.T) {
	play(t, []scenario{
		{"send", testSend},
		{"what is no message", testSendRefused},
		{"to a channel or a user", testTarget},
		{"edit", testEdit},
		{"delete", testDelete},
		{"clear", testClear},
		{"read marks", testReadMarks},
		{"read marks of a direct room", testDirectRead},
	})
}

func testSend(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	room := me.publicRoom(other)
	s := other.open("")
	texts := []string{"one", "<b>&amp;</b>\u2028\r\n\t\"\\", strings.Repeat("界", 8000), " .", "\u202e😀 \u0301"}
	for i, text := range texts {
		sent := models.NewMessage{Text: text, ClientID: ptr(fmt.Sprint("c-", i))}
		if i > 0 {
			sent.ReplyTo = ptr(int64(i))
		}
		a := me.call("POST", named(room.Handle)+"/messages", sent).status(201)
		var m, told models.Message
		a.into(&m)
		if m.ID != int64(i+1) || m.RoomID != room.ID || m.Text != text || m.Type != models.MessageText || m.Sender != me.User.Ref() ||
			m.ReplyTo != int64(i) || m.ClientID != *sent.ClientID || m.CreatedAt.IsZero() || !m.EditedAt.IsZero() || !m.DeletedAt.IsZero() {
			t.Errorf("got %+v", m)
		}
		if a.header("Location") != messagePath(m) {
			t.Errorf("Location is %q", a.header("Location"))
		}
		if e := s.expect(models.EventMessageNotification, &told); e.id != a.eventID() || !equal(told, m) {
			t.Errorf("answered %v\ntold %v", a, e)
		}
		if got := get[models.Message](other, messagePath(m)); !equal(got, m) {
			t.Errorf("answered %+v, stored %+v", m, got)
		}
	}
	var sticker models.Message
	me.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Type: models.MessageSticker, Text: "cat"}).status(201).into(&sticker)
	if sticker.Type != models.MessageSticker {
		t.Errorf("got %+v", sticker)
	}
	if got := other.look(room.ID); got.MessageCount != 6 || got.LastMessageID != 6 || got.Membership.UnreadCount != 6 {
		t.Errorf("got %+v", got)
	}
	if got := me.look(room.ID).Membership; got.UnreadCount != 0 {
		t.Errorf("own messages are unread: %+v", got)
	}
	for _, id := range []string{"0", "7", "-1", "x", "9223372036854775808"} {
		me.wrong("GET", roomPath(room.ID)+"/messages/"+id, nil).problem(404, models.CodeNotFound)
	}
}

// equal reports whether two messages are the same to the last field.
func equal(a, b models.Message) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }

func testSendRefused(t *testing.T, c *client) {
	me := c.newcomer("ada")
	room := me.publicRoom()
	me.say(room.ID, "one")
	for _, no := range []struct {
		field string
		body  map[string]any
	}{
		{"text", map[string]any{}},
		{"text", map[string]any{"text": ""}},
		{"text", map[string]any{"text": strings.Repeat("x", 8001)}},
		{"text", map[string]any{"text": "a\x00b"}},
		{"type", map[string]any{"text": "x", "type": "video"}},
		{"file_ids", map[string]any{"text": "x", "type": "image"}},
		{"file_ids", map[string]any{"text": "x", "type": "file", "file_ids": []string{}}},
		{"file_ids[0]", map[string]any{"text": "x", "file_ids": []string{"unknown"}}},
		{"file_ids", map[string]any{"text": "x", "file_ids": strings.Split(strings.Repeat("f,", 10)+"f", ",")}},
		{"file_ids[1]", map[string]any{"text": "x", "file_ids": []string{"f", ""}}},
		{"reply_to", map[string]any{"text": "x", "reply_to": 2}},
		{"reply_to", map[string]any{"text": "x", "reply_to": 0}},
		{"client_id", map[string]any{"text": "x", "client_id": ""}},
		{"client_id", map[string]any{"text": "x", "client_id": strings.Repeat("c", 65)}},
	} {
		me.wrong("POST", roomPath(room.ID)+"/messages", no.body).invalid(no.field)
	}
	if got := me.look(room.ID); got.MessageCount != 1 || got.LastMessageID != 1 {
		t.Errorf("got %+v", got)
	}
}

func testTarget(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	room := me.publicRoom()
	to := func(target, text string) models.TargetedMessage {
		return models.TargetedMessage{Target: target, NewMessage: models.NewMessage{Text: text, ClientID: ptr("c")}}
	}
	var m models.Message
	a := me.call("POST", "/v1/messages", to("#"+strings.ToUpper(room.Handle), "to the channel")).status(201).into(&m)
	if m.RoomID != room.ID || m.ID != 1 || m.ClientID != "c" || a.eventID() == "" || a.header("Location") != messagePath(m) {
		t.Errorf("got %v", a)
	}
	s := other.open("")
	a = me.call("POST", "/v1/messages", to("@"+other.User.Username, "to the user")).status(201).into(&m)
	var direct models.Room
	s.expect(models.EventRoomCreated, &direct)
	if e := s.expect(models.EventMessageNotification, nil); e.id != a.eventID() || direct.ID != m.RoomID || direct.Kind != models.RoomDirect {
		t.Errorf("told %v for %v", e, a)
	}
	var back models.Message
	other.call("POST", "/v1/messages", to("@"+me.User.Username, "and back")).status(201).into(&back)
	if back.RoomID != m.RoomID || back.ID != 2 {
		t.Errorf("the answer is %+v, to %+v", back, m)
	}
	other.call("POST", "/v1/messages", to("#"+room.Handle, "x")).problem(403, models.CodeForbidden)
	me.call("POST", "/v1/messages", to("#"+unique("none"), "x")).problem(404, models.CodeNotFound)
	me.call("POST", "/v1/messages", to("@"+unique("nobody"), "x")).problem(404, models.CodeNotFound)
	for _, target := range []string{"", "#", "@", "tea", "#a", "@1x", "@a b", "#" + strings.Repeat("h", 65), "@a\x00b", "##tea", "@@ada"} {
		me.wrong("POST", "/v1/messages", to(target, "x")).invalid("target")
	}
	me.wrong("POST", "/v1/messages", map[string]any{"text": "x"}).invalid("target")
	me.wrong("POST", "/v1/messages", map[string]any{"target": "#" + room.Handle}).invalid("text")
	me.call("POST", "/v1/messages", to("@"+me.User.Username, "to myself")).invalid("target")
}

func testEdit(t *testing.T, c *client) {
	owner, me := c.newcomer("ada"), c.newcomer("grace")
	room := owner.publicRoom(me)
	m := me.say(room.ID, "tpyo")
	owner.call("PUT", roomPath(room.ID)+"/read", models.ReadMark{MessageID: 1}).status(200)
	s := owner.open("")
	var edited, told models.Message
	a := me.call("PATCH", messagePath(m), models.MessageEdit{Text: "typo"}).status(200).into(&edited)
	if edited.Text != "typo" || edited.EditedAt.Before(m.CreatedAt.Time) || edited.ID != m.ID || edited.CreatedAt != m.CreatedAt {
		t.Errorf("got %+v", edited)
	}
	if e := s.expect(models.EventMessageEdited, &told); e.id != a.eventID() || !equal(told, edited) {
		t.Errorf("told %v for %v", e, a)
	}
	if got := get[models.Message](owner, messagePath(m)); !equal(got, edited) {
		t.Errorf("stored %+v", got)
	}
	me.call("PATCH", messagePath(m), models.MessageEdit{Text: "typo"}).status(200).quiet()
	if got := owner.look(room.ID); got.MessageCount != 1 || got.Membership.UnreadCount != 0 {
		t.Errorf("an edit counts: %+v", got)
	}
	owner.call("PATCH", messagePath(m), models.MessageEdit{Text: "mine"}).problem(403, models.CodeForbidden)
	for _, text := range []string{"", strings.Repeat("x", 8001), "\x00"} {
		me.wrong("PATCH", messagePath(m), models.MessageEdit{Text: text}).invalid("text")
	}
	me.call("PATCH", roomPath(room.ID)+"/messages/2", models.MessageEdit{Text: "x"}).problem(404, models.CodeNotFound)
	me.call("DELETE", messagePath(m), nil).status(204)
	me.call("PATCH", messagePath(m), models.MessageEdit{Text: "x"}).problem(404, models.CodeNotFound)
	other := me.say(room.ID, "left behind")
	me.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
	me.call("PATCH", messagePath(other), models.MessageEdit{Text: "x"}).problem(403, models.CodeForbidden)
}

func testDelete(t *testing.T, c *client) {
	owner, me, reader := c.newcomer("ada"), c.newcomer("grace"), c.newcomer("reader")
	room := owner.publicRoom(me, reader)
	var sent []models.Message
	for i := range 4 {
		sent = append(sent, me.say(room.ID, fmt.Sprint("text ", i)))
	}
	reader.call("PUT", roomPath(room.ID)+"/read", models.ReadMark{MessageID: 2}).status(200)
	s := reader.open("")
	reader.call("DELETE", messagePath(sent[0]), nil).problem(403, models.CodeForbidden)
	for i, by := range []*client{me, owner, me} { // one that was read, by its sender; one by the owner; one unread
		a := by.call("DELETE", messagePath(sent[i]), nil).status(204)
		var told models.MessageRef
		if e := s.expect(models.EventMessageDeleted, &told); e.id != a.eventID() || told != (models.MessageRef{RoomID: room.ID, MessageID: sent[i].ID}) {
			t.Errorf("told %v for %v", e, a)
		}
		by.call("DELETE", messagePath(sent[i]), nil).status(204).quiet()
	}
	if got := reader.look(room.ID); got.MessageCount != 1 || got.LastMessageID != 4 || got.Membership.UnreadCount != 1 || got.Membership.LastReadID != 2 {
		t.Errorf("to the reader: %+v, %+v", got, got.Membership)
	}
	if got := owner.look(room.ID).Membership; got.UnreadCount != 1 {
		t.Errorf("to one who read none: %+v", got)
	}
	if got := me.look(room.ID).Membership; got.UnreadCount != 0 {
		t.Errorf("to the sender: %+v", got)
	}
	list := me.call("GET", roomPath(room.ID)+"/messages", nil).status(200)
	var page models.Page[models.Message]
	list.into(&page)
	if len(page.Items) != 4 || strings.Contains(string(list.body), "text 0") {
		t.Errorf("the history is %s", list.body)
	}
	for i, m := range page.Items[:3] {
		if m.ID != int64(i+1) || m.Text != "" || m.DeletedAt.IsZero() || m.Sender != me.User.Ref() || m.CreatedAt != sent[i].CreatedAt || m.Files == nil {
			t.Errorf("a tombstone is %+v", m)
		}
		if one := get[models.Message](reader, messagePath(m)); !equal(one, m) {
			t.Errorf("alone it is %+v, in the list %+v", one, m)
		}
	}
	// What is deleted can still be answered to: it keeps its place.
	me.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "re", ReplyTo: ptr(int64(1))}).status(201)
}

func testClear(t *testing.T, c *client) {
	owner, moderator, reader := c.newcomer("ada"), c.newcomer("mod"), c.newcomer("reader")
	room := owner.publicRoom(moderator, reader)
	owner.add(room.ID, moderator, models.RoleModerator)
	path := roomPath(room.ID)
	owner.call("DELETE", path+"/messages", nil).status(204).quiet() // nothing is there yet
	var last models.Message
	for i := range 5 {
		last = owner.say(room.ID, fmt.Sprint("text ", i))
	}
	reader.call("PUT", path+"/read", models.ReadMark{MessageID: 3}).status(200)
	s := reader.open("")
	a := moderator.call("DELETE", path+"/messages", nil).status(204)
	var told models.HistoryCleared
	if e := s.expect(models.EventHistoryCleared, &told); e.id != a.eventID() || told != (models.HistoryCleared{RoomID: room.ID, UpToID: 5}) {
		t.Errorf("told %v for %v", e, a)
	}
	moderator.call("DELETE", path+"/messages", nil).status(204).quiet()
	for _, who := range []*client{owner, moderator, reader} {
		if got := who.look(room.ID); got.MessageCount != 0 || got.LastMessageID != 5 || got.Membership.UnreadCount != 0 {
			t.Errorf("got %+v, %+v", got, got.Membership)
		}
		if list := get[models.Page[models.Message]](who, path+"/messages").Items; list == nil || len(list) != 0 {
			t.Errorf("the history is %+v", list)
		}
	}
	owner.call("GET", messagePath(last), nil).problem(404, models.CodeNotFound)
	owner.call("PATCH", messagePath(last), models.MessageEdit{Text: "x"}).problem(404, models.CodeNotFound)
	owner.call("DELETE", messagePath(last), nil).problem(404, models.CodeNotFound)
	reader.call("PUT", path+"/read", models.ReadMark{MessageID: 4}).status(200) // of one that is gone
	for _, query := range []string{"before=3", "after=3", "around=3", "after=0"} {
		if list := get[models.Page[models.Message]](reader, path+"/messages?"+query).Items; len(list) != 0 {
			t.Errorf("%s: got %+v", query, list)
		}
	}
	if next := owner.say(room.ID, "anew"); next.ID != 6 {
		t.Errorf("the numbers went on with %d", next.ID)
	}
	if got := reader.look(room.ID); got.MessageCount != 1 || got.Membership.UnreadCount != 1 || got.Membership.LastReadID != 4 {
		t.Errorf("got %+v, %+v", got, got.Membership)
	}
	var m models.Message // of who wrote an answer while it was cleared away
	owner.call("POST", path+"/messages", models.NewMessage{Text: "re", ReplyTo: ptr(int64(5))}).status(201).into(&m)
	if m.ReplyTo != 5 {
		t.Errorf("got %+v", m)
	}
}

func testReadMarks(t *testing.T, c *client) {
	owner, me, other := c.newcomer("ada"), c.newcomer("grace"), c.newcomer("other")
	room := owner.publicRoom(me, other)
	path := roomPath(room.ID) + "/read"
	for i := range 6 {
		[]*client{owner, me}[i%2].say(room.ID, fmt.Sprint("text ", i)) // 2, 4 and 6 are my own
	}
	mine, others := me.open(""), other.open("")
	for _, step := range []struct{ mark, last, unread int64 }{
		{2, 2, 2}, {1, 2, 2}, {2, 2, 2}, {5, 5, 0}, {3, 5, 0}, {6, 6, 0},
	} {
		var m models.Membership
		a := me.call("PUT", path, models.ReadMark{MessageID: step.mark}).status(200).into(&m)
		if m.LastReadID != step.last || m.UnreadCount != step.unread {
			t.Errorf("after %d: %+v", step.mark, m)
		}
		if got := me.look(room.ID).Membership; *got != m {
			t.Errorf("after %d: answered %+v, stored %+v", step.mark, m, got)
		}
		if step.mark < step.last || a.eventID() == "" {
			a.quiet()
			continue
		}
		var told models.ReadEvent
		if e := mine.expect(models.EventMessageRead, &told); e.id != a.eventID() || told != (models.ReadEvent{RoomID: room.ID, UserID: me.User.ID, MessageID: step.mark}) {
			t.Errorf("told %v for %v", e, a)
		}
	}
	me.call("PUT", path, models.ReadMark{MessageID: 7}).invalid("message_id")
	me.call("PUT", path, models.ReadMark{MessageID: 0}).status(200).quiet() // the mark of who has read nothing
	me.wrong("PUT", path, models.ReadMark{MessageID: -1}).invalid("message_id")
	me.wrong("PUT", path, map[string]any{}).invalid("message_id")
	owner.say(room.ID, "the mark")
	others.expect(models.EventMessageNotification, nil) // and nothing of who read what
	mine.expect(models.EventMessageNotification, nil)
	if got := me.look(room.ID).Membership; got.UnreadCount != 1 {
		t.Errorf("got %+v", got)
	}
}

// testDirectRead: of a direct room, the other one sees how far one has read.
func testDirectRead(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	m := models.Message{}
	me.call("POST", "/v1/messages", models.TargetedMessage{Target: "@" + other.User.Username, NewMessage: models.NewMessage{Text: "hi"}}).status(201).into(&m)
	streams := []*stream{me.open(""), other.open("")}
	a := other.call("PUT", roomPath(m.RoomID)+"/read", models.ReadMark{MessageID: m.ID}).status(200)
	for _, s := range streams {
		var told models.ReadEvent
		if e := s.expect(models.EventMessageRead, &told); e.id != a.eventID() || told.UserID != other.User.ID || told.MessageID != m.ID {
			t.Errorf("told %v for %v", e, a)
		}
	}
}
