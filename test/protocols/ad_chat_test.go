package protocols

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestAdChat plays ad-chat: guests chat about an advertisement. Each chat (chat_id) is a room, whose subject is the
// number of the advertisement (anons_id).
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
		expectNoFurtherEvent(t, p.anna, p.anna, p.bert, p.cora, p.eve)
	})
}

// adChat has the participants: anna, who owns the advertisement, bert, who is a member and present in the room, cora,
// who is a member and not present, and eve, who is not a member.
type adChat struct {
	t                     *testing.T
	anna, bert, cora, eve *harness.Participant
	chat                  models.Room
	sent                  []models.Message
}

const advert = "4711"

func (p *adChat) authRequest(c *harness.Client) {
	// auth-request → auth-response with a status
	p.eve = c.SignInGuest("eve").Participate()
	p.anna = p.eve.AddContactAndParticipate(c.SignInGuest("anna"))
	p.bert = p.eve.AddContactAndParticipate(c.SignInGuest("bert"))
	p.cora = p.eve.AddContactAndParticipate(c.SignInGuest("cora"))
	// auth-response with another status and a message
	c.Call("POST", "/v1/sessions", models.Credentials{Username: "anna", Guest: true}).
		ExpectProblem(409, models.CodeUsernameTaken)
}

func (p *adChat) noChats() {
	// get-user-chats → length 0
	p.anna.Call("GET", "/v1/rooms", nil).ExpectStatus(200).ExpectBody(models.Page[models.Room]{Items: []models.Room{}})
	// get-chat-messages of a chat that does not exist
	p.anna.Call("GET", harness.RoomPath(4711)+"/messages", nil).ExpectProblem(404, models.CodeNotFound)
}

func (p *adChat) newChat() {
	// new-chat → new-chat-response; everybody gets the event of a public room
	p.chat = p.anna.CreateRoom(models.NewRoom{Name: harness.Ptr("Red bicycle"), Subject: harness.Ptr(advert)},
		p.anna, p.bert, p.cora, p.eve)
	// get-chat-messages → length 0
	p.anna.ExpectMessages(harness.RoomPath(p.chat.ID) + "/messages")
}

func (p *adChat) joinChat() {
	path := harness.RoomPath(p.chat.ID)
	p.anna.EnterRoom(p.chat, p.anna)
	// join-chat → join-chat-response to the user who joins, user-join to the members
	p.bert.JoinRoom(path, p.anna, p.bert)
	p.bert.EnterRoom(p.chat, p.anna, p.bert)
	// join-chat of a user who stays absent from the room: the members get no event of presence
	p.cora.JoinRoom(path, p.anna, p.bert, p.cora)
	p.expectMembers(
		member{p.anna, models.RoleOwner, true},
		member{p.bert, models.RoleMember, true},
		member{p.cora, models.RoleMember, false},
	)
}

// member is a member of the chat with the expected role and presence.
type member struct {
	*harness.Participant
	role    models.Role
	present bool
}

// expectMembers expects the chat to have exactly these members.
func (p *adChat) expectMembers(want ...member) {
	p.t.Helper()
	var page models.Page[models.Member]
	a := p.eve.Call("GET", harness.RoomPath(p.chat.ID)+"/members", nil).ExpectStatus(200).Decode(&page)
	if len(page.Items) != len(want) {
		p.t.Fatalf("%v\nwant %d members", a, len(want))
	}
	for i, m := range want {
		got := page.Items[i]
		if got.User.Ref() != m.User.Ref() || got.Role != m.role || got.Present != m.present || !got.User.Online {
			p.t.Errorf("got %+v, want %s, %s, present: %v", got, m.User.Username, m.role, m.present)
		}
		m.ExpectRecent(got.JoinedAt)
	}
}

func (p *adChat) leaveChat() {
	path := harness.RoomPath(p.chat.ID)
	// leave-chat → leave-chat-response; user-leave to the members who are present, which the leaving user no longer is
	p.bert.ExitRoom(p.chat, p.anna)
	p.bert.LeaveRoom(path, p.anna, p.bert, p.cora)
	p.expectMembers(member{p.anna, models.RoleOwner, true}, member{p.cora, models.RoleMember, false})
	// join-chat again
	p.bert.JoinRoom(path, p.anna, p.bert, p.cora)
	p.bert.EnterRoom(p.chat, p.anna, p.bert)
}

func (p *adChat) chatMsg() {
	// chat-msg → chat-response, and chat-msg to the sender and to the members who are present; new-msg-notification to
	// the members who are logged in and not present; neither to eve
	first := p.anna.SendMessage(p.chat, 1, text("It has been sold.")).ExpectCreated(p.anna, p.bert).ExpectNotified(p.cora)
	second := p.bert.SendMessage(p.chat, 2, text("Already?")).ExpectCreated(p.bert, p.anna).ExpectNotified(p.cora)
	// chat-msg of a member who is not present
	third := p.cora.SendMessage(p.chat, 3, text("What a pity.")).ExpectCreated(p.anna, p.bert, p.cora)
	p.sent = []models.Message{first.Message, second.Message, third.Message}
	// chat-response with a status other than success
	p.eve.Call("POST", harness.RoomPath(p.chat.ID)+"/messages", text("Me too!")).ExpectProblem(403, models.CodeForbidden)
	p.anna.CallInvalid("POST", harness.RoomPath(p.chat.ID)+"/messages", text("")).ExpectInvalid("text")
}

func (p *adChat) chatImg() {
	photo := harness.FormPart{
		Field:     "file",
		Name:      "bicycle.png",
		MediaType: "image/png",
		Content:   string(harness.OnePixelPNG()),
	}
	image := models.NewMessage{Type: models.MessageImage, Text: "This one."}
	// chat-img → chat-response, and chat-img to the sender and to the members who are present; new-img-notification,
	// without the picture itself, to the members who are logged in and not present; neither to eve
	sent := p.bert.SendFiles(p.chat, 4, image, photo).ExpectCreated(p.bert, p.anna).ExpectNotified(p.cora)
	// All users who may read the room can download the picture. The room is public.
	sent.ExpectDownloadable(p.anna, p.bert, p.cora, p.eve)
	p.sent = append(p.sent, sent.Message)
	// chat-response with a status other than success: the sender is not a member; the file is not a picture
	body, mediaType := harness.EncodeForm(p.t, photo, harness.FormPart{Field: "type", Content: "image"})
	p.eve.Call("POST", harness.RoomPath(p.chat.ID)+"/messages/form", body, "Content-Type", mediaType).
		ExpectProblem(403, models.CodeForbidden)
	photo.Content = "a thousand words"
	body, mediaType = harness.EncodeForm(p.t, photo, harness.FormPart{Field: "type", Content: "image"})
	p.anna.Call("POST", harness.RoomPath(p.chat.ID)+"/messages/form", body, "Content-Type", mediaType).
		ExpectProblem(422, models.CodeBadFile)
}

func (p *adChat) userChats() {
	// new-chat about the same advertisement
	other := p.bert.CreateRoom(models.NewRoom{Name: harness.Ptr("Still a bicycle"), Subject: harness.Ptr(advert)},
		p.anna, p.bert, p.cora, p.eve)
	// get-user-chats → user-chats with AllMsgs and NewMsgs; a user's own messages are not new
	p.expectChats(p.anna, messageCount{p.chat.ID, 4, 3})
	p.expectChats(p.bert, messageCount{other.ID, 0, 0}, messageCount{p.chat.ID, 4, 2})
	p.expectChats(p.cora, messageCount{p.chat.ID, 4, 3})
	p.expectChats(p.eve)
	// get-chat-messages → chat-messages
	p.cora.ExpectMessages(harness.RoomPath(p.chat.ID)+"/messages", p.sent...)
	// What cora has read is no longer new to her. It stays new to the others.
	p.cora.Call("PUT", harness.RoomPath(p.chat.ID)+"/read", models.ReadMark{MessageID: 2}).
		ExpectStatus(200).
		ExpectEvent(models.EventMessageRead,
			models.ReadEvent{RoomID: p.chat.ID, UserID: p.cora.User.ID, MessageID: 2}, p.cora)
	p.expectChats(p.cora, messageCount{p.chat.ID, 4, 1})
	p.expectChats(p.anna, messageCount{p.chat.ID, 4, 3})
}

// messageCount has the number of all messages in a chat, and of those that are unread.
type messageCount struct {
	chatID, all, unread int64
}

// expectChats expects the participant's chats about the advertisement to be these.
func (p *adChat) expectChats(of *harness.Participant, want ...messageCount) {
	p.t.Helper()
	for _, query := range []string{"", "?subject=" + advert} {
		var got []messageCount
		for _, room := range harness.Get[models.Page[models.Room]](of.Client, "/v1/rooms"+query).Items {
			if room.Subject != advert || room.Membership == nil {
				p.t.Fatalf("got the room %+v in the list of %s", room, of.User.Username)
			}
			got = append(got, messageCount{room.ID, room.MessageCount, room.Membership.UnreadCount})
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			p.t.Errorf("the chats of %s%s are %v, want %v", of.User.Username, query, got, want)
		}
	}
	if others := harness.Get[models.Page[models.Room]](of.Client, "/v1/rooms?subject=4712").Items; len(others) != 0 {
		p.t.Errorf("got %+v about another advertisement in the list of %s, want none", others, of.User.Username)
	}
}
