package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestMessages(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "send", Run: testSend},
		{Name: "invalid messages", Run: testSendRefused},
		{Name: "to a channel or a user", Run: testTarget},
		{Name: "edit", Run: testEdit},
		{Name: "delete", Run: testDelete},
		{Name: "clear", Run: testClear},
		{Name: "read marks", Run: testReadMarks},
		{Name: "read marks of a direct room", Run: testDirectRead},
	})
}

func testSend(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	room := me.CreatePublicRoom(other)
	s := other.OpenStream("")
	texts := []string{"one", "<b>&amp;</b>\u2028\r\n\t\"\\", strings.Repeat("界", 8000), " .", "\u202e😀 \u0301"}
	for i, text := range texts {
		sent := models.NewMessage{Text: text, ClientID: harness.Ptr(fmt.Sprint("c-", i))}
		if i > 0 {
			sent.ReplyTo = harness.Ptr(int64(i))
		}
		a := me.Call("POST", harness.HandlePath(room.Handle)+"/messages", sent).ExpectStatus(201)
		var m, data models.Message
		a.Decode(&m)
		if m.ID != int64(i+1) || m.RoomID != room.ID || m.Text != text || m.Type != models.MessageText ||
			m.Sender != me.User.Ref() ||
			m.ReplyTo != int64(i) || m.ClientID != *sent.ClientID || m.CreatedAt.IsZero() || !m.EditedAt.IsZero() ||
			!m.DeletedAt.IsZero() {
			t.Errorf("got %+v", m)
		}
		if a.Header("Location") != harness.MessagePath(m) {
			t.Errorf("got Location %q", a.Header("Location"))
		}
		if e := s.Expect(models.EventMessageNotification, &data); e.ID != a.EventID() || !equal(data, m) {
			t.Errorf("got the event %v\nfor %v", e, a)
		}
		if got := harness.Get[models.Message](other, harness.MessagePath(m)); !equal(got, m) {
			t.Errorf("got the stored message %+v, want %+v", got, m)
		}
	}
	var sticker models.Message
	me.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Type: models.MessageSticker, Text: "cat"}).
		ExpectStatus(201).Decode(&sticker)
	if sticker.Type != models.MessageSticker {
		t.Errorf("got %+v", sticker)
	}
	if got := other.GetRoom(room.ID); got.MessageCount != 6 || got.LastMessageID != 6 || got.Membership.UnreadCount != 6 {
		t.Errorf("got %+v", got)
	}
	if got := me.GetRoom(room.ID).Membership; got.UnreadCount != 0 {
		t.Errorf("the user's own messages are unread: %+v", got)
	}
	for _, id := range []string{"0", "7", "-1", "x", "9223372036854775808"} {
		me.CallInvalid("GET", harness.RoomPath(room.ID)+"/messages/"+id, nil).ExpectProblem(404, models.CodeNotFound)
	}
}

// equal reports whether two messages are equal in all fields.
func equal(a, b models.Message) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }

func testSendRefused(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	me.SendText(room.ID, "one")
	for _, invalid := range []struct {
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
		me.CallInvalid("POST", harness.RoomPath(room.ID)+"/messages", invalid.body).ExpectInvalid(invalid.field)
	}
	if got := me.GetRoom(room.ID); got.MessageCount != 1 || got.LastMessageID != 1 {
		t.Errorf("got %+v", got)
	}
}

func testTarget(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	room := me.CreatePublicRoom()
	to := func(target, text string) models.TargetedMessage {
		return models.TargetedMessage{Target: target, NewMessage: models.NewMessage{Text: text, ClientID: harness.Ptr("c")}}
	}
	var m models.Message
	a := me.Call("POST", "/v1/messages", to("#"+strings.ToUpper(room.Handle), "to the channel")).ExpectStatus(201).
		Decode(&m)
	if m.RoomID != room.ID || m.ID != 1 || m.ClientID != "c" || a.EventID() == "" ||
		a.Header("Location") != harness.MessagePath(m) {
		t.Errorf("got %v", a)
	}
	s := other.OpenStream("")
	a = me.Call("POST", "/v1/messages", to("@"+other.User.Username, "to the user")).ExpectStatus(201).Decode(&m)
	var direct models.Room
	s.Expect(models.EventRoomCreated, &direct)
	if e := s.Expect(models.EventMessageNotification, nil); e.ID != a.EventID() || direct.ID != m.RoomID ||
		direct.Kind != models.RoomDirect {
		t.Errorf("got the event %v for %v", e, a)
	}
	var back models.Message
	other.Call("POST", "/v1/messages", to("@"+me.User.Username, "and back")).ExpectStatus(201).Decode(&back)
	if back.RoomID != m.RoomID || back.ID != 2 {
		t.Errorf("got the reply %+v to %+v", back, m)
	}
	other.Call("POST", "/v1/messages", to("#"+room.Handle, "x")).ExpectProblem(403, models.CodeForbidden)
	me.Call("POST", "/v1/messages", to("#"+harness.UniqueName("none"), "x")).ExpectProblem(404, models.CodeNotFound)
	me.Call("POST", "/v1/messages", to("@"+harness.UniqueName("nobody"), "x")).ExpectProblem(404, models.CodeNotFound)
	for _, target := range []string{
		"", "#", "@", "tea", "#a", "@1x", "@a b", "#" + strings.Repeat("h", 65), "@a\x00b", "##tea", "@@ada",
	} {
		me.CallInvalid("POST", "/v1/messages", to(target, "x")).ExpectInvalid("target")
	}
	me.CallInvalid("POST", "/v1/messages", map[string]any{"text": "x"}).ExpectInvalid("target")
	me.CallInvalid("POST", "/v1/messages", map[string]any{"target": "#" + room.Handle}).ExpectInvalid("text")
	me.Call("POST", "/v1/messages", to("@"+me.User.Username, "to myself")).ExpectInvalid("target")
}

func testEdit(t *testing.T, c *harness.Client) {
	owner, me := c.NewGuest("ada"), c.NewGuest("grace")
	room := owner.CreatePublicRoom(me)
	m := me.SendText(room.ID, "tpyo")
	owner.Call("PUT", harness.RoomPath(room.ID)+"/read", models.ReadMark{MessageID: 1}).ExpectStatus(200)
	s := owner.OpenStream("")
	var edited, data models.Message
	a := me.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "typo"}).ExpectStatus(200).Decode(&edited)
	if edited.Text != "typo" || edited.EditedAt.Before(m.CreatedAt.Time) || edited.ID != m.ID ||
		edited.CreatedAt != m.CreatedAt {
		t.Errorf("got %+v", edited)
	}
	if e := s.Expect(models.EventMessageEdited, &data); e.ID != a.EventID() || !equal(data, edited) {
		t.Errorf("got the event %v for %v", e, a)
	}
	if got := harness.Get[models.Message](owner, harness.MessagePath(m)); !equal(got, edited) {
		t.Errorf("got the stored message %+v, want %+v", got, edited)
	}
	me.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "typo"}).ExpectStatus(200).ExpectNoEvent()
	if got := owner.GetRoom(room.ID); got.MessageCount != 1 || got.Membership.UnreadCount != 0 {
		t.Errorf("an edit changed the counts: %+v", got)
	}
	owner.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "mine"}).ExpectProblem(403, models.CodeForbidden)
	for _, text := range []string{"", strings.Repeat("x", 8001), "\x00"} {
		me.CallInvalid("PATCH", harness.MessagePath(m), models.MessageEdit{Text: text}).ExpectInvalid("text")
	}
	me.Call("PATCH", harness.RoomPath(room.ID)+"/messages/2", models.MessageEdit{Text: "x"}).
		ExpectProblem(404, models.CodeNotFound)
	me.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204)
	me.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "x"}).ExpectProblem(404, models.CodeNotFound)
	other := me.SendText(room.ID, "left behind")
	me.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
	me.Call("PATCH", harness.MessagePath(other), models.MessageEdit{Text: "x"}).ExpectProblem(403, models.CodeForbidden)
}

func testDelete(t *testing.T, c *harness.Client) {
	owner, me, reader := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("reader")
	room := owner.CreatePublicRoom(me, reader)
	var sent []models.Message
	for i := range 4 {
		sent = append(sent, me.SendText(room.ID, fmt.Sprint("text ", i)))
	}
	reader.Call("PUT", harness.RoomPath(room.ID)+"/read", models.ReadMark{MessageID: 2}).ExpectStatus(200)
	s := reader.OpenStream("")
	reader.Call("DELETE", harness.MessagePath(sent[0]), nil).ExpectProblem(403, models.CodeForbidden)
	// a read message by its sender, one by the owner, and an unread one
	for i, by := range []*harness.Client{me, owner, me} {
		a := by.Call("DELETE", harness.MessagePath(sent[i]), nil).ExpectStatus(204)
		var data models.MessageRef
		want := models.MessageRef{RoomID: room.ID, MessageID: sent[i].ID}
		if e := s.Expect(models.EventMessageDeleted, &data); e.ID != a.EventID() || data != want {
			t.Errorf("got the event %v for %v", e, a)
		}
		by.Call("DELETE", harness.MessagePath(sent[i]), nil).ExpectStatus(204).ExpectNoEvent()
	}
	if got := reader.GetRoom(room.ID); got.MessageCount != 1 || got.LastMessageID != 4 ||
		got.Membership.UnreadCount != 1 || got.Membership.LastReadID != 2 {
		t.Errorf("the reader got %+v, %+v", got, got.Membership)
	}
	if got := owner.GetRoom(room.ID).Membership; got.UnreadCount != 1 {
		t.Errorf("a member who has read nothing got %+v", got)
	}
	if got := me.GetRoom(room.ID).Membership; got.UnreadCount != 0 {
		t.Errorf("the sender got %+v", got)
	}
	list := me.Call("GET", harness.RoomPath(room.ID)+"/messages", nil).ExpectStatus(200)
	var page models.Page[models.Message]
	list.Decode(&page)
	if len(page.Items) != 4 || strings.Contains(string(list.Body), "text 0") {
		t.Errorf("got the history %s", list.Body)
	}
	for i, m := range page.Items[:3] {
		if m.ID != int64(i+1) || m.Text != "" || m.DeletedAt.IsZero() || m.Sender != me.User.Ref() ||
			m.CreatedAt != sent[i].CreatedAt || m.Files == nil {
			t.Errorf("got the tombstone %+v", m)
		}
		if one := harness.Get[models.Message](reader, harness.MessagePath(m)); !equal(one, m) {
			t.Errorf("got %+v alone, but %+v in the list", one, m)
		}
	}
	// A message can reply to a deleted one, since that keeps its id.
	me.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "re", ReplyTo: harness.Ptr(int64(1))}).
		ExpectStatus(201)
}

func testClear(t *testing.T, c *harness.Client) {
	owner, moderator, reader := c.NewGuest("ada"), c.NewGuest("mod"), c.NewGuest("reader")
	room := owner.CreatePublicRoom(moderator, reader)
	owner.AddMember(room.ID, moderator, models.RoleModerator)
	path := harness.RoomPath(room.ID)
	owner.Call("DELETE", path+"/messages", nil).ExpectStatus(204).ExpectNoEvent() // the room has no messages yet
	var last models.Message
	for i := range 5 {
		last = owner.SendText(room.ID, fmt.Sprint("text ", i))
	}
	reader.Call("PUT", path+"/read", models.ReadMark{MessageID: 3}).ExpectStatus(200)
	s := reader.OpenStream("")
	a := moderator.Call("DELETE", path+"/messages", nil).ExpectStatus(204)
	var data models.HistoryCleared
	want := models.HistoryCleared{RoomID: room.ID, UpToID: 5}
	if e := s.Expect(models.EventHistoryCleared, &data); e.ID != a.EventID() || data != want {
		t.Errorf("got the event %v for %v", e, a)
	}
	moderator.Call("DELETE", path+"/messages", nil).ExpectStatus(204).ExpectNoEvent()
	for _, user := range []*harness.Client{owner, moderator, reader} {
		if got := user.GetRoom(room.ID); got.MessageCount != 0 || got.LastMessageID != 5 || got.Membership.UnreadCount != 0 {
			t.Errorf("got %+v, %+v", got, got.Membership)
		}
		if list := harness.Get[models.Page[models.Message]](user, path+"/messages").Items; list == nil || len(list) != 0 {
			t.Errorf("got the history %+v", list)
		}
	}
	owner.Call("GET", harness.MessagePath(last), nil).ExpectProblem(404, models.CodeNotFound)
	owner.Call("PATCH", harness.MessagePath(last), models.MessageEdit{Text: "x"}).ExpectProblem(404, models.CodeNotFound)
	owner.Call("DELETE", harness.MessagePath(last), nil).ExpectStatus(204)
	reader.Call("PUT", path+"/read", models.ReadMark{MessageID: 4}).ExpectStatus(200) // of a cleared message
	for _, query := range []string{"before=3", "after=3", "around=3", "after=0"} {
		if list := harness.Get[models.Page[models.Message]](reader, path+"/messages?"+query).Items; len(list) != 0 {
			t.Errorf("%s: got %+v", query, list)
		}
	}
	if next := owner.SendText(room.ID, "new"); next.ID != 6 {
		t.Errorf("got the next id %d, want 6", next.ID)
	}
	if got := reader.GetRoom(room.ID); got.MessageCount != 1 || got.Membership.UnreadCount != 1 ||
		got.Membership.LastReadID != 4 {
		t.Errorf("got %+v, %+v", got, got.Membership)
	}
	var m models.Message // a reply that was written before the history was cleared
	owner.Call("POST", path+"/messages", models.NewMessage{Text: "re", ReplyTo: harness.Ptr(int64(5))}).ExpectStatus(201).
		Decode(&m)
	if m.ReplyTo != 5 {
		t.Errorf("got %+v", m)
	}
}

func testReadMarks(t *testing.T, c *harness.Client) {
	owner, me, other := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("other")
	room := owner.CreatePublicRoom(me, other)
	path := harness.RoomPath(room.ID) + "/read"
	for i := range 6 {
		[]*harness.Client{owner, me}[i%2].SendText(room.ID, fmt.Sprint("text ", i)) // 2, 4 and 6 are my own
	}
	mine, others := me.OpenStream(""), other.OpenStream("")
	for _, step := range []struct{ mark, last, unread int64 }{
		{2, 2, 2}, {1, 2, 2}, {2, 2, 2}, {5, 5, 0}, {3, 5, 0}, {6, 6, 0},
	} {
		var m models.Membership
		a := me.Call("PUT", path, models.ReadMark{MessageID: step.mark}).ExpectStatus(200).Decode(&m)
		if m.LastReadID != step.last || m.UnreadCount != step.unread {
			t.Errorf("after %d: got %+v", step.mark, m)
		}
		if got := me.GetRoom(room.ID).Membership; *got != m {
			t.Errorf("after %d: got the stored membership %+v, want %+v", step.mark, got, m)
		}
		if step.mark < step.last || a.EventID() == "" {
			a.ExpectNoEvent()
			continue
		}
		var data models.ReadEvent
		want := models.ReadEvent{RoomID: room.ID, UserID: me.User.ID, MessageID: step.mark}
		if e := mine.Expect(models.EventMessageRead, &data); e.ID != a.EventID() || data != want {
			t.Errorf("got the event %v for %v", e, a)
		}
	}
	me.Call("PUT", path, models.ReadMark{MessageID: 7}).ExpectInvalid("message_id")
	// the mark of a member who has read nothing
	me.Call("PUT", path, models.ReadMark{MessageID: 0}).ExpectStatus(200).ExpectNoEvent()
	me.CallInvalid("PUT", path, models.ReadMark{MessageID: -1}).ExpectInvalid("message_id")
	me.CallInvalid("PUT", path, map[string]any{}).ExpectInvalid("message_id")
	owner.SendText(room.ID, "the mark")
	others.Expect(models.EventMessageNotification, nil) // there is no event of the read marks
	mine.Expect(models.EventMessageNotification, nil)
	if got := me.GetRoom(room.ID).Membership; got.UnreadCount != 1 {
		t.Errorf("got %+v", got)
	}
}

// testDirectRead checks that in a direct room, each user gets the read marks of the other.
func testDirectRead(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	m := models.Message{}
	me.Call("POST", "/v1/messages",
		models.TargetedMessage{Target: "@" + other.User.Username, NewMessage: models.NewMessage{Text: "hi"}}).
		ExpectStatus(201).Decode(&m)
	streams := []*harness.Stream{me.OpenStream(""), other.OpenStream("")}
	a := other.Call("PUT", harness.RoomPath(m.RoomID)+"/read", models.ReadMark{MessageID: m.ID}).ExpectStatus(200)
	for _, s := range streams {
		var data models.ReadEvent
		if e := s.Expect(models.EventMessageRead, &data); e.ID != a.EventID() || data.UserID != other.User.ID ||
			data.MessageID != m.ID {
			t.Errorf("got the event %v for %v", e, a)
		}
	}
}
