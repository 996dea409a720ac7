package main

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestAdChat plays ad-chat: guests talk about an advert. The advert's number (anons_id) is the subject of rooms, each of
// which is a chat (chat_id).
func TestAdChat(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		p := adChat{t: t}
		p.authRequest(newClient(t, startServer(t, database).url))
		p.noChats()
		p.newChat()
		p.joinChat()
		p.leaveChat()
		p.chatMsg()
		p.chatImg()
		p.userChats()
		theEnd(t, p.anna, p.anna, p.bert, p.cora, p.eve)
	})
}

// adChat is the cast: anna, whose advert it is, bert, who looks into the chat, cora, who is in it and does not look, and
// eve, who has nothing to do with it.
type adChat struct {
	t                     *testing.T
	anna, bert, cora, eve *actor
	chat                  models.Room
	said                  []models.Message
}

const advert = "4711"

func (p *adChat) authRequest(c *client) {
	// auth-request → auth-response with a status
	p.eve = c.visit("eve").attend()
	p.anna, p.bert, p.cora = p.eve.meets(c.visit("anna")), p.eve.meets(c.visit("bert")), p.eve.meets(c.visit("cora"))
	// auth-response with another status and a message
	c.call("POST", "/v1/sessions", models.Credentials{Username: "anna", Guest: true}).problem(409, models.CodeUsernameTaken)
}

func (p *adChat) noChats() {
	// get-user-chats → length 0
	p.anna.call("GET", "/v1/rooms", nil).status(200).is(models.Page[models.Room]{Items: []models.Room{}})
	// get-chat-messages of a chat that there is not
	p.anna.call("GET", roomPath(4711)+"/messages", nil).problem(404, models.CodeNotFound)
}

func (p *adChat) newChat() {
	// new-chat → new-chat-response; a public room is told to everybody
	p.chat = p.anna.founds(models.NewRoom{Name: ptr("Red bicycle"), Subject: ptr(advert)}, p.anna, p.bert, p.cora, p.eve)
	// get-chat-messages → length 0
	p.anna.holds(roomPath(p.chat.ID) + "/messages")
}

func (p *adChat) joinChat() {
	path := roomPath(p.chat.ID)
	p.anna.enters(p.chat, p.anna)
	// join-chat → join-chat-response to the one who joins, user-join to those in the room
	p.bert.joins(path, p.anna, p.bert)
	p.bert.enters(p.chat, p.anna, p.bert)
	// join-chat of one who is in the chat and not in the room: user-join of the first kind alone
	p.cora.joins(path, p.anna, p.bert, p.cora)
	p.members(member{p.anna, models.RoleOwner, true}, member{p.bert, models.RoleMember, true}, member{p.cora, models.RoleMember, false})
}

// member is who is in the chat, and whether they are in the room.
type member struct {
	*actor
	role    models.Role
	present bool
}

func (p *adChat) members(want ...member) {
	p.t.Helper()
	var page models.Page[models.Member]
	a := p.eve.call("GET", roomPath(p.chat.ID)+"/members", nil).status(200).into(&page)
	if len(page.Items) != len(want) {
		p.t.Fatalf("%v\nwanted %d members", a, len(want))
	}
	for i, m := range want {
		got := page.Items[i]
		if got.User.Ref() != m.User.Ref() || got.Role != m.role || got.Present != m.present || !got.User.Online {
			p.t.Errorf("got %+v, wanted %s, %s, present: %v", got, m.User.Username, m.role, m.present)
		}
		m.dated(got.JoinedAt)
	}
}

func (p *adChat) leaveChat() {
	path := roomPath(p.chat.ID)
	// leave-chat → leave-chat-response; user-leave to those in the room, of whom the one who leaves is none any more
	p.bert.exits(p.chat, p.anna)
	p.bert.leaves(path, p.anna, p.bert, p.cora)
	p.members(member{p.anna, models.RoleOwner, true}, member{p.cora, models.RoleMember, false})
	// join-chat, to talk
	p.bert.joins(path, p.anna, p.bert, p.cora)
	p.bert.enters(p.chat, p.anna, p.bert)
}

func (p *adChat) chatMsg() {
	// chat-msg → chat-response, and chat-msg to the sender and to those in the room; new-msg-notification to those who
	// are logged in and not in the room; to eve neither
	first := p.anna.writes(p.chat, 1, text("It has been sold.")).created(p.anna, p.bert).notified(p.cora)
	second := p.bert.writes(p.chat, 2, text("Already?")).created(p.bert, p.anna).notified(p.cora)
	// chat-msg of one who is not in the room
	third := p.cora.writes(p.chat, 3, text("What a pity.")).created(p.anna, p.bert, p.cora)
	p.said = []models.Message{first.Message, second.Message, third.Message}
	// chat-response with a status other than success
	p.eve.call("POST", roomPath(p.chat.ID)+"/messages", text("Me too!")).problem(403, models.CodeForbidden)
	p.anna.wrong("POST", roomPath(p.chat.ID)+"/messages", text("")).invalid("text")
}

func (p *adChat) chatImg() {
	photograph := part{"file", "bicycle.png", "image/png", string(dot())}
	image := models.NewMessage{Type: models.MessageImage, Text: "This one."}
	// chat-img → chat-response, and chat-img to the sender and to those in the room; new-img-notification, which has all
	// but the picture, to those who are logged in and not in the room; to eve neither
	sent := p.bert.brings(p.chat, 4, image, photograph).created(p.bert, p.anna).notified(p.cora)
	// The picture itself is for whoever may read the room, which is public.
	sent.downloaded(p.anna, p.bert, p.cora, p.eve)
	p.said = append(p.said, sent.Message)
	// chat-response with a status other than success: of one who is not in the chat, and of what is no picture
	body, mediaType := form(p.t, photograph, part{field: "type", content: "image"})
	p.eve.call("POST", roomPath(p.chat.ID)+"/messages", body, "Content-Type", mediaType).problem(403, models.CodeForbidden)
	photograph.content = "a thousand words"
	body, mediaType = form(p.t, photograph, part{field: "type", content: "image"})
	p.anna.call("POST", roomPath(p.chat.ID)+"/messages", body, "Content-Type", mediaType).problem(422, models.CodeBadFile)
}

func (p *adChat) userChats() {
	// new-chat about the same advert
	other := p.bert.founds(models.NewRoom{Name: ptr("Still a bicycle"), Subject: ptr(advert)}, p.anna, p.bert, p.cora, p.eve)
	// get-user-chats → user-chats with AllMsgs and NewMsgs; what one wrote oneself is not new
	p.chats(p.anna, count{p.chat.ID, 4, 3})
	p.chats(p.bert, count{other.ID, 0, 0}, count{p.chat.ID, 4, 2})
	p.chats(p.cora, count{p.chat.ID, 4, 3})
	p.chats(p.eve)
	// get-chat-messages → chat-messages
	p.cora.holds(roomPath(p.chat.ID)+"/messages", p.said...)
	// What cora has read is new no more, to nobody but her.
	p.cora.call("PUT", roomPath(p.chat.ID)+"/read", models.ReadMark{MessageID: 2}).status(200).pushes(models.EventMessageRead,
		models.ReadEvent{RoomID: p.chat.ID, UserID: p.cora.User.ID, MessageID: 2}, p.cora)
	p.chats(p.cora, count{p.chat.ID, 4, 1})
	p.chats(p.anna, count{p.chat.ID, 4, 3})
}

// count is how many messages there are in a chat, and how many of them are new.
type count struct {
	chatID, all, unread int64
}

func (p *adChat) chats(of *actor, want ...count) {
	p.t.Helper()
	for _, query := range []string{"", "?subject=" + advert} {
		var got []count
		for _, room := range get[models.Page[models.Room]](of.client, "/v1/rooms"+query).Items {
			if room.Subject != advert || room.Membership == nil {
				p.t.Fatalf("a chat of %s's is %+v", of.User.Username, room)
			}
			got = append(got, count{room.ID, room.MessageCount, room.Membership.UnreadCount})
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			p.t.Errorf("the chats of %s%s are %v, wanted %v", of.User.Username, query, got, want)
		}
	}
	if none := get[models.Page[models.Room]](of.client, "/v1/rooms?subject=4712").Items; len(none) != 0 {
		p.t.Errorf("about another advert %s talks in %+v", of.User.Username, none)
	}
}
