package protocols

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestAdChat plays ad-chat: guests talk about an advert. The advert's number (anons_id) is the subject of rooms, each
// of which is a chat (chat_id).
func TestAdChat(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p := adChat{t: t}
		p.authRequest(harness.NewClient(t, harness.StartServer(t, database).URL))
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

// adChat is the cast: anna, whose advert it is, bert, who looks into the chat, cora, who is in it and does not look,
// and eve, who has nothing to do with it.
type adChat struct {
	t                     *testing.T
	anna, bert, cora, eve *harness.Participant
	chat                  models.Room
	said                  []models.Message
}

const advert = "4711"

func (p *adChat) authRequest(c *harness.Client) {
	// auth-request → auth-response with a status
	p.eve = c.SignInGuest("eve").Participate()
	p.anna, p.bert, p.cora = p.eve.AddContactAndParticipate(c.SignInGuest("anna")), p.eve.AddContactAndParticipate(c.SignInGuest("bert")), p.eve.AddContactAndParticipate(c.SignInGuest("cora"))
	// auth-response with another status and a message
	c.Call("POST", "/v1/sessions", models.Credentials{Username: "anna", Guest: true}).ExpectProblem(409, models.CodeUsernameTaken)
}

func (p *adChat) noChats() {
	// get-user-chats → length 0
	p.anna.Call("GET", "/v1/rooms", nil).ExpectStatus(200).ExpectBody(models.Page[models.Room]{Items: []models.Room{}})
	// get-chat-messages of a chat that there is not
	p.anna.Call("GET", harness.RoomPath(4711)+"/messages", nil).ExpectProblem(404, models.CodeNotFound)
}

func (p *adChat) newChat() {
	// new-chat → new-chat-response; a public room is told to everybody
	p.chat = p.anna.CreateRoom(models.NewRoom{Name: harness.Ptr("Red bicycle"), Subject: harness.Ptr(advert)}, p.anna, p.bert, p.cora, p.eve)
	// get-chat-messages → length 0
	p.anna.ExpectMessages(harness.RoomPath(p.chat.ID) + "/messages")
}

func (p *adChat) joinChat() {
	path := harness.RoomPath(p.chat.ID)
	p.anna.EnterRoom(p.chat, p.anna)
	// join-chat → join-chat-response to the one who joins, user-join to those in the room
	p.bert.JoinRoom(path, p.anna, p.bert)
	p.bert.EnterRoom(p.chat, p.anna, p.bert)
	// join-chat of one who is in the chat and not in the room: user-join of the first kind alone
	p.cora.JoinRoom(path, p.anna, p.bert, p.cora)
	p.members(member{p.anna, models.RoleOwner, true}, member{p.bert, models.RoleMember, true}, member{p.cora, models.RoleMember, false})
}

// member is who is in the chat, and whether they are in the room.
type member struct {
	*harness.Participant
	role    models.Role
	present bool
}

func (p *adChat) members(want ...member) {
	p.t.Helper()
	var page models.Page[models.Member]
	a := p.eve.Call("GET", harness.RoomPath(p.chat.ID)+"/members", nil).ExpectStatus(200).Decode(&page)
	if len(page.Items) != len(want) {
		p.t.Fatalf("%v\nwanted %d members", a, len(want))
	}
	for i, m := range want {
		got := page.Items[i]
		if got.User.Ref() != m.User.Ref() || got.Role != m.role || got.Present != m.present || !got.User.Online {
			p.t.Errorf("got %+v, wanted %s, %s, present: %v", got, m.User.Username, m.role, m.present)
		}
		m.ExpectRecent(got.JoinedAt)
	}
}

func (p *adChat) leaveChat() {
	path := harness.RoomPath(p.chat.ID)
	// leave-chat → leave-chat-response; user-leave to those in the room, of whom the one who leaves is none any more
	p.bert.ExitRoom(p.chat, p.anna)
	p.bert.LeaveRoom(path, p.anna, p.bert, p.cora)
	p.members(member{p.anna, models.RoleOwner, true}, member{p.cora, models.RoleMember, false})
	// join-chat, to talk
	p.bert.JoinRoom(path, p.anna, p.bert, p.cora)
	p.bert.EnterRoom(p.chat, p.anna, p.bert)
}

func (p *adChat) chatMsg() {
	// chat-msg → chat-response, and chat-msg to the sender and to those in the room; new-msg-notification to those who
	// are logged in and not in the room; to eve neither
	first := p.anna.SendMessage(p.chat, 1, text("It has been sold.")).ExpectCreated(p.anna, p.bert).ExpectNotified(p.cora)
	second := p.bert.SendMessage(p.chat, 2, text("Already?")).ExpectCreated(p.bert, p.anna).ExpectNotified(p.cora)
	// chat-msg of one who is not in the room
	third := p.cora.SendMessage(p.chat, 3, text("What a pity.")).ExpectCreated(p.anna, p.bert, p.cora)
	p.said = []models.Message{first.Message, second.Message, third.Message}
	// chat-response with a status other than success
	p.eve.Call("POST", harness.RoomPath(p.chat.ID)+"/messages", text("Me too!")).ExpectProblem(403, models.CodeForbidden)
	p.anna.CallInvalid("POST", harness.RoomPath(p.chat.ID)+"/messages", text("")).ExpectInvalid("text")
}

func (p *adChat) chatImg() {
	photograph := harness.FormPart{Field: "file", Name: "bicycle.png", MediaType: "image/png", Content: string(harness.OnePixelPNG())}
	image := models.NewMessage{Type: models.MessageImage, Text: "This one."}
	// chat-img → chat-response, and chat-img to the sender and to those in the room; new-img-notification, which has all
	// but the picture, to those who are logged in and not in the room; to eve neither
	sent := p.bert.SendFiles(p.chat, 4, image, photograph).ExpectCreated(p.bert, p.anna).ExpectNotified(p.cora)
	// The picture itself is for whoever may read the room, which is public.
	sent.ExpectDownloadable(p.anna, p.bert, p.cora, p.eve)
	p.said = append(p.said, sent.Message)
	// chat-response with a status other than success: of one who is not in the chat, and of what is no picture
	body, mediaType := harness.EncodeForm(p.t, photograph, harness.FormPart{Field: "type", Content: "image"})
	p.eve.Call("POST", harness.RoomPath(p.chat.ID)+"/messages", body, "Content-Type", mediaType).ExpectProblem(403, models.CodeForbidden)
	photograph.Content = "a thousand words"
	body, mediaType = harness.EncodeForm(p.t, photograph, harness.FormPart{Field: "type", Content: "image"})
	p.anna.Call("POST", harness.RoomPath(p.chat.ID)+"/messages", body, "Content-Type", mediaType).ExpectProblem(422, models.CodeBadFile)
}

func (p *adChat) userChats() {
	// new-chat about the same advert
	other := p.bert.CreateRoom(models.NewRoom{Name: harness.Ptr("Still a bicycle"), Subject: harness.Ptr(advert)}, p.anna, p.bert, p.cora, p.eve)
	// get-user-chats → user-chats with AllMsgs and NewMsgs; what one wrote oneself is not new
	p.chats(p.anna, count{p.chat.ID, 4, 3})
	p.chats(p.bert, count{other.ID, 0, 0}, count{p.chat.ID, 4, 2})
	p.chats(p.cora, count{p.chat.ID, 4, 3})
	p.chats(p.eve)
	// get-chat-messages → chat-messages
	p.cora.ExpectMessages(harness.RoomPath(p.chat.ID)+"/messages", p.said...)
	// What cora has read is new no more, to nobody but her.
	p.cora.Call("PUT", harness.RoomPath(p.chat.ID)+"/read", models.ReadMark{MessageID: 2}).ExpectStatus(200).ExpectEvent(models.EventMessageRead,
		models.ReadEvent{RoomID: p.chat.ID, UserID: p.cora.User.ID, MessageID: 2}, p.cora)
	p.chats(p.cora, count{p.chat.ID, 4, 1})
	p.chats(p.anna, count{p.chat.ID, 4, 3})
}

// count is how many messages there are in a chat, and how many of them are new.
type count struct {
	chatID, all, unread int64
}

func (p *adChat) chats(of *harness.Participant, want ...count) {
	p.t.Helper()
	for _, query := range []string{"", "?subject=" + advert} {
		var got []count
		for _, room := range harness.Get[models.Page[models.Room]](of.Client, "/v1/rooms"+query).Items {
			if room.Subject != advert || room.Membership == nil {
				p.t.Fatalf("a chat of %s's is %+v", of.User.Username, room)
			}
			got = append(got, count{room.ID, room.MessageCount, room.Membership.UnreadCount})
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			p.t.Errorf("the chats of %s%s are %v, wanted %v", of.User.Username, query, got, want)
		}
	}
	if none := harness.Get[models.Page[models.Room]](of.Client, "/v1/rooms?subject=4712").Items; len(none) != 0 {
		p.t.Errorf("about another advert %s talks in %+v", of.User.Username, none)
	}
}
