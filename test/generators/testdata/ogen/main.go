// Command chat tells the story that every generated client tells; the argument is the server's address.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"example.com/chat/parley"
	ht "github.com/ogen-go/ogen/http"
	"github.com/ogen-go/ogen/ogenerrors"
)

// token is the access token of the client, empty before the log-in. The cookies are for browsers.
type token string

func (t token) BearerAuth(context.Context, parley.OperationName) (parley.BearerAuth, error) {
	if t == "" {
		return parley.BearerAuth{}, ogenerrors.ErrSkipClientSecurity
	}
	return parley.BearerAuth{Token: string(t)}, nil
}

func (token) EventsCookie(context.Context, parley.OperationName) (parley.EventsCookie, error) {
	return parley.EventsCookie{}, ogenerrors.ErrSkipClientSecurity
}

func (token) RefreshCookie(context.Context, parley.OperationName) (parley.RefreshCookie, error) {
	return parley.RefreshCookie{}, ogenerrors.ErrSkipClientSecurity
}

// contents gives the contents of a file the one media type that the contract names. They have that of the file, and
// ogen refuses what the contract does not name.
type contents struct{}

func (contents) Do(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultClient.Do(r)
	if err == nil && res.StatusCode == http.StatusOK && strings.HasSuffix(r.URL.Path, "/content") {
		res.Header.Set("Content-Type", "application/octet-stream")
	}
	return res, err
}

func main() {
	ctx := context.Background()
	session := logIn(ctx, os.Args[1])
	client := must(parley.NewClient(os.Args[1], token(session.AccessToken), parley.WithClient(contents{})))

	invalid := problemOf(client.CreateRoom(ctx, &parley.NewRoom{Handle: parley.NewOptString("9 lives")},
		parley.CreateRoomParams{}))
	fmt.Println("invalid", invalid.Errors[0].Field)
	room := dataOf[parley.Room](client.CreateRoom(ctx, &parley.NewRoom{
		Handle: parley.NewOptString("tea"), Name: parley.NewOptString("Tea room"),
	}, parley.CreateRoomParams{}))
	fmt.Println("room", room.Handle.Value)

	talk(ctx, client)
	poll(ctx, client)
}

// logIn creates an account and logs it in.
func logIn(ctx context.Context, url string) parley.Session {
	client := must(parley.NewClient(url, token("")))
	ada := &parley.NewUser{Username: "ada", Password: "correct horse battery"}
	created := dataOf[parley.Session](client.SignUp(ctx, ada, parley.SignUpParams{}))
	fmt.Println("signed up", created.User.Username)
	fmt.Println("refused", problemOf(client.SignUp(ctx, ada, parley.SignUpParams{})).Code)
	session := dataOf[parley.Session](client.LogIn(ctx, &parley.Credentials{
		Username: parley.NewOptString(ada.Username), Password: parley.NewOptString(ada.Password),
	}, parley.LogInParams{}))
	fmt.Println("logged in", session.User.Username)
	return session
}

// talk sends a message, and one with a file, and reads both.
func talk(ctx context.Context, client *parley.Client) {
	question := dataOf[parley.Message](client.SendMessage(ctx,
		&parley.NewMessage{Text: parley.NewOptString("Is the kettle on?")},
		parley.SendMessageParams{Room: "#tea", IdempotencyKey: parley.NewOptString("kettle-1")}))
	fmt.Println("sent", question.ID, question.Text.Value)
	answer := dataOf[parley.Message](client.SendMessageForm(ctx, &parley.MessageFormMultipart{
		Text: parley.NewOptString("We have:"),
		File: []ht.MultipartFile{{Name: "list.txt", File: strings.NewReader("Assam, Darjeeling\n")}},
	}, parley.SendMessageFormParams{Room: "#tea"}))
	fmt.Println("sent", answer.ID, answer.Files[0].Name)
	content := dataOf[parley.GetFileContentOK](client.GetFileContent(ctx,
		parley.GetFileContentParams{File: answer.Files[0].ID}))
	fmt.Println("content", strings.TrimSpace(string(must(io.ReadAll(content)))))

	history := dataOf[parley.MessageList](client.ListMessages(ctx, parley.ListMessagesParams{Room: "#tea"}))
	var texts []string
	for _, m := range history.Items {
		texts = append(texts, m.Text.Value)
	}
	fmt.Println("history", strings.Join(texts, " / "))
	fmt.Println("missing", problemOf(client.GetRoom(ctx, parley.GetRoomParams{Room: "#coffee"})).Status)
}

// poll reads the log of events page by page.
func poll(ctx context.Context, client *parley.Client) {
	for next := (parley.ListEventsParams{Limit: parley.NewOptInt(2)}); ; {
		page := dataOf[parley.EventList](client.ListEvents(ctx, next))
		for _, event := range page.Items {
			if event.Event == "message.created" {
				fmt.Println("event", event.Event, event.Data.ID.Value, event.Data.Text.Value)
			}
		}
		if next.Cursor = page.NextCursor; !next.Cursor.Set {
			return
		}
	}
}

// dataOf returns what a call returned, and ends the program if that is a problem.
func dataOf[T any](response any, err error) T {
	data, ok := must(response, err).(interface{ GetResponse() T })
	if !ok {
		log.Fatalf("%#v", response)
	}
	return data.GetResponse()
}

// problemOf returns the problem that a call ended with. Each status has a type of its own, with the same method.
func problemOf(response any, err error) parley.Problem {
	if err == nil {
		return dataOf[parley.Problem](response, nil)
	}
	var problem *parley.ProblemStatusCodeWithHeaders
	if !errors.As(err, &problem) {
		log.Fatal(err)
	}
	return problem.Response
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
