// Command chat is a chat client of Parley with typed requests and events: oapi-codegen generates package parley from
// the contract. Its argument is the server's address; it prints what it received as JSON.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"os"
	"strings"

	"example.com/chat/parley"
)

// seen is the output of the program.
type seen struct {
	Refused  parley.ErrorCode `json:"refused"`
	Field    string           `json:"field"`
	Sent     []int64          `json:"sent"`
	Replayed bool             `json:"replayed"`
	Content  string           `json:"content"`
	Events   []string         `json:"events"`
	Polled   []int64          `json:"polled"`
	History  []string         `json:"history"`
	Found    []int64          `json:"found"`
}

// chat is the program's client, its room and its output.
type chat struct {
	*parley.ClientWithResponses
	room string
	me   int64
	seen seen
}

func main() {
	ctx := context.Background()
	c := &chat{room: "#tea"}
	c.signUp(ctx, os.Args[1])
	c.refuse(ctx)
	stream := c.openRoom(ctx)
	c.sendTwice(ctx)
	c.sendFile(ctx)
	c.readBack(ctx)
	c.follow(stream)
	c.poll(ctx)
	_ = json.NewEncoder(os.Stdout).Encode(c.seen)
}

// signUp creates an account and sends its token with all later requests.
func (c *chat) signUp(ctx context.Context, address string) {
	open, err := parley.NewClientWithResponses(address)
	check(err)
	account := parley.NewUser{Username: "glenda", Password: "correct horse", DisplayName: ptr("Glenda")}
	session := must(open.SignUpWithResponse(ctx, nil, account))
	c.me = session.JSON201.User.ID
	c.ClientWithResponses, err = parley.NewClientWithResponses(address, parley.WithRequestEditorFn(
		func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+session.JSON201.AccessToken)
			return nil
		}))
	check(err)
}

// refuse sends an invalid request and reads from the problem which field is wrong.
func (c *chat) refuse(ctx context.Context) {
	refused, err := c.CreateRoomWithResponse(ctx, nil, parley.NewRoom{
		Handle: ptr("x"), Kind: ptr(parley.Private),
	})
	check(err)
	if p := problemOf(refused); p != nil && p.Code == "invalid_request" {
		c.seen.Refused, c.seen.Field = p.Code, (*p.Errors)[0].Field
	}
}

// openRoom creates a room and opens a stream with presence in it. The stream begins at the cursor of the list of rooms,
// so that no event in between is missed. StreamEvents, without "WithResponse", does not read the body, so that the
// caller can read it as it arrives.
func (c *chat) openRoom(ctx context.Context) io.ReadCloser {
	room := must(c.CreateRoomWithResponse(ctx, nil, parley.NewRoom{Handle: ptr(c.room[1:]), Name: ptr("Tea room")}))
	rooms := must(c.ListRoomsWithResponse(ctx, nil))
	stream, err := c.StreamEvents(ctx, &parley.StreamEventsParams{
		Room: &[]int64{room.JSON201.ID}, LastEventID: &rooms.Headers200.EventCursor,
	})
	check(err)
	return stream.Body
}

// sendTwice repeats a message, as a client does after a lost response. It is stored once.
func (c *chat) sendTwice(ctx context.Context) {
	for range 2 {
		sent := must(c.SendMessageWithResponse(ctx, c.room, &parley.SendMessageParams{IdempotencyKey: ptr("kettle-1")},
			parley.NewMessage{Text: ptr("Is the kettle on?")}))
		c.seen.Sent = append(c.seen.Sent, sent.JSON201.ID)
		c.seen.Replayed = sent.Headers201.IdempotencyReplayed != nil
	}
}

// sendFile sends a file and its message in one form, and downloads it.
func (c *chat) sendFile(ctx context.Context) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	check(form.WriteField("text", "We have:"))
	part, err := form.CreateFormFile("file", "list.txt")
	check(err)
	_, err = io.WriteString(part, "Assam, Darjeeling\n")
	check(err)
	check(form.Close())
	sent := must(c.SendMessageFormWithBodyWithResponse(ctx, c.room, nil, form.FormDataContentType(), &body))
	content := must(c.GetFileContentWithResponse(ctx, sent.JSON201.Files[0].ID,
		&parley.GetFileContentParams{Download: ptr(1)}))
	c.seen.Content = string(content.Body)
}

// readBack replies to the first message, reads the history after it page by page, searches it, and adds a reaction.
func (c *chat) readBack(ctx context.Context) {
	last := must(c.SendMessageWithResponse(ctx, c.room, nil,
		parley.NewMessage{Text: ptr("Two minutes."), ReplyTo: ptr(int64(1))}))
	for next := (parley.ListMessagesParams{After: ptr(int64(1)), Limit: ptr(1)}); ; {
		page := must(c.ListMessagesWithResponse(ctx, c.room, &next))
		for _, m := range page.JSON200.Items {
			c.seen.History = append(c.seen.History, *m.Text)
		}
		if next.Cursor = page.JSON200.NextCursor; next.Cursor == nil {
			break
		}
	}
	found := must(c.SearchMessagesWithResponse(ctx, c.room, &parley.SearchMessagesParams{Q: ptr("kettle")}))
	for _, m := range found.JSON200.Items {
		c.seen.Found = append(c.seen.Found, m.ID)
	}
	must(c.AddReactionWithResponse(ctx, c.room, last.JSON201.ID, "🫖"))
}

// follow reads the stream up to the reaction, and then an event such as a newer server might send.
func (c *chat) follow(stream io.ReadCloser) {
	for event := range eventsOf(stream) {
		if c.record(event); strings.HasPrefix(c.seen.Events[len(c.seen.Events)-1], "reaction") {
			break
		}
	}
	check(stream.Close())
	for event := range eventsOf(strings.NewReader("event: room.painted\ndata: {\"colour\":\"green\"}\n\n")) {
		c.record(event)
	}
}

// record adds an event to the output. The event's name decides which fields its data has; an event that the program does
// not know has none that it knows.
func (c *chat) record(event parley.PolledEvent) {
	name, data := event.Event, event.Data
	switch event.Event {
	case "ready":
		name += fmt.Sprint(" ", *data.UserID == c.me)
	case "message.created":
		name += fmt.Sprint(" ", data.Sender.Username, ": ", *data.Text)
	case "reaction.added":
		name += fmt.Sprint(" ", *data.MessageID, " ", *data.Emoji)
	case "resync":
		log.Fatalf("away for too long: %s", *data.Reason)
	}
	c.seen.Events = append(c.seen.Events, name)
}

// poll reads the same log page by page.
func (c *chat) poll(ctx context.Context) {
	page := must(c.ListEventsWithResponse(ctx, nil))
	for _, event := range page.JSON200.Items {
		if event.Event == "message.created" {
			c.seen.Polled = append(c.seen.Polled, *event.Data.ID)
		}
	}
}
