package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// stage is a cast and a set for valid requests: my private room with another member and a message that has a picture, a
// file of mine that no message has, an upload of mine that has begun, and my open stream.
type stage struct {
	me, other, outsider *harness.Client
	room                models.Room
	message             models.Message
	file                models.File // a picture, which the message has
	unattached          models.File // which goes with the next message
	upload              string      // lacks all of chunk
	invite              models.Invite
	stream              *harness.Stream
	identity            string // of whoever makes the request
	callback            string // of a log-in under way at a provider
}

func newStage(c *harness.Client) stage {
	c.T.Helper()
	s := stage{identity: "unknown", me: c.NewGuest("me"), other: c.NewGuest("other"), outsider: c.NewGuest("outsider")}
	s.room = s.me.CreateRoom(models.NewRoom{Handle: harness.Ptr(harness.UniqueName("stage")), Kind: harness.Ptr(models.RoomPrivate)})
	s.me.AddMember(s.room.ID, s.other, models.RoleMember)
	s.file = s.me.UploadFile(s.room.ID, "dot.png", "image/png", harness.PNGOfOnePixel())
	s.me.Call("POST", harness.RoomPath(s.room.ID)+"/messages", models.NewMessage{Text: "words", FileIDs: []string{s.file.ID}}).
		ExpectStatus(201).Decode(&s.message)
	s.unattached = s.me.UploadFile(s.room.ID, "notes.txt", "text/plain", []byte("notes"))
	s.upload = s.me.AnnounceUpload(s.room.ID, len(harness.UploadChunk))
	s.invite = invite(s.me, s.room.ID, models.NewInvite{})
	s.stream = s.me.OpenReadyStream("")
	return s
}

// values are what goes into the paths of the contract.
func (s stage) values() map[string]string {
	return map[string]string{
		"room": fmt.Sprint(s.room.ID), "user": fmt.Sprint(s.other.User.ID), "message": fmt.Sprint(s.message.ID),
		"session": s.me.SessionID, "stream": s.stream.Ready.StreamID,
		"provider": "mock", "identity": s.identity, "code": s.invite.Code, "file": s.file.ID, "upload": s.upload, "emoji": "👍",
	}
}

// at is the operation's path, with its parameters filled in and one of them replaced by what is escaped already.
func (s stage) at(op harness.Operation, name, escaped string) string {
	if s.callback != "" && name == "" {
		return s.callback
	}
	path := op.Path
	for key, value := range s.values() {
		value = url.PathEscape(value)
		if key == name {
			value = escaped
		}
		path = strings.ReplaceAll(path, "{"+key+"}", value)
	}
	if query := op.Query(""); query != "" {
		path += "?" + query
	}
	return path
}

func (s stage) path(op harness.Operation) string { return s.at(op, "", "") }

// asking is the operation's path with a query in place of the parameter of that name.
func (s stage) asking(op harness.Operation, name, query string) string {
	path, _, _ := strings.Cut(s.path(op), "?")
	if rest := op.Query(name); rest != "" {
		query = rest + "&" + query
	}
	return path + "?" + query
}

// headers are those that the operation needs. The stream is asked for in its JSON form, which ends.
func (s stage) headers(op harness.Operation) (pairs []string) {
	ours := map[string]string{
		"Tus-Resumable": "1.0.0", // of which only tus itself says that it is required
		"Upload-Length": strconv.Itoa(len(harness.UploadChunk)), "Upload-Offset": "0", "Upload-Metadata": harness.UploadMetadata(s.room.ID, "film.txt"),
	}
	for _, p := range op.Parameters {
		if value, known := ours[p.Value.Name]; p.Value.In == "header" && known {
			pairs = append(pairs, p.Value.Name, value)
		} else if p.Value.In == "header" && p.Value.Required {
			pairs = append(pairs, p.Value.Name, harness.Written(p.Value.Example))
		}
	}
	if op.OperationID == "StreamEvents" {
		pairs = append(pairs, "Accept", "application/json")
	}
	return pairs
}

// body is a valid JSON body of the operation, with all fields that go together.
func (s stage) body(op harness.Operation) map[string]any {
	message := map[string]any{
		"type": "text", "text": "hello", "file_ids": []any{}, "reply_to": s.message.ID, "client_id": "c-1",
	}
	if s.unattached.ID != "" {
		message["file_ids"] = []any{s.unattached.ID}
	}
	switch op.OperationID {
	case "SignUp":
		return map[string]any{
			"username": s.room.Handle, "password": harness.Password, "display_name": "A", "description": "B", "cookie": true,
		}
	case "LogIn":
		return map[string]any{"username": s.room.Handle, "guest": true, "display_name": "A", "cookie": true}
	case "RefreshSession":
		return map[string]any{"refresh_token": s.me.RefreshToken, "cookie": true}
	case "UpdateMe":
		return map[string]any{"display_name": "A", "description": "B"}
	case "CreateRoom":
		return map[string]any{
			"handle": s.room.Handle + "-2", "name": "A", "description": "B", "kind": "private", "subject": "advert-1",
		}
	case "UpdateRoom":
		return map[string]any{"handle": s.room.Handle + "-2", "name": "A", "description": "B"}
	case "PutMember":
		return map[string]any{"role": "moderator"}
	case "BanUser":
		return map[string]any{"reason": "A", "until": time.Now().Add(time.Hour).Truncate(time.Second)}
	case "CreateInvite":
		return map[string]any{"max_uses": 3, "expires_at": time.Now().Add(time.Hour).Truncate(time.Second)}
	case "UpdateMembership":
		return map[string]any{"muted": true}
	case "MarkRead":
		return map[string]any{"message_id": s.message.ID}
	case "EditMessage":
		return map[string]any{"text": "other words"}
	case "SendMessage":
		return message
	case "SendToTarget":
		message["target"] = "#" + s.room.Handle
		return message
	}
	return example(op)
}

// example is the contract's own, for operations without a stage.
func example(op harness.Operation) (body map[string]any) {
	encoded, err := json.Marshal(op.RequestBody.Value.Content["application/json"].Schema.Value.Example)
	if err == nil {
		err = json.Unmarshal(encoded, &body)
	}
	if err != nil {
		panic(err)
	}
	return body
}

// request makes the operation's valid request.
func (s stage) request(op harness.Operation, by *harness.Client) *harness.Response {
	by.T.Helper()
	return s.send(op, by, s.path(op))
}

// send is request with another path, and with further headers.
func (s stage) send(op harness.Operation, by *harness.Client, path string, headers ...string) *harness.Response {
	by.T.Helper()
	headers = append(s.headers(op), headers...)
	switch {
	case op.TakesJSON():
		return by.Send(op.Method, path, s.body(op), headers...)
	case op.TakesBytes():
		return by.Send(op.Method, path, []byte(harness.UploadChunk), append([]string{"Content-Type", harness.UploadChunkType}, headers...)...)
	}
	return by.Send(op.Method, path, nil, headers...)
}

// form is a valid form for a body of the operation.
func (s stage) form(op harness.Operation) []harness.FormPart {
	file := harness.FormPart{Field: "file", Name: "a.txt", MediaType: "text/plain", Content: "a text"}
	if op.OperationID == "UploadFile" {
		return []harness.FormPart{file}
	}
	return []harness.FormPart{
		{Field: "type", Content: "file"}, {Field: "text", Content: "hello"}, file, {Field: "file", Name: "dot.png", MediaType: "image/png", Content: string(harness.PNGOfOnePixel())},
		{Field: "reply_to", Content: fmt.Sprint(s.message.ID)}, {Field: "client_id", Content: "c-1"},
	}
}

// sendFiles is send with a form.
func (s stage) sendForm(op harness.Operation, by *harness.Client, path string) *harness.Response {
	by.T.Helper()
	body, mediaType := harness.EncodeForm(by.T, s.form(op)...)
	return by.Send(op.Method, path, body, append(s.headers(op), "Content-Type", mediaType)...)
}

// eachOperation runs a test for each of them that is chosen, on one server for each database.
func eachOperation(t *testing.T, chosen func(harness.Operation) bool, test func(t *testing.T, c *harness.Client, op harness.Operation), flags ...string) {
	t.Helper()
	var scenarios []harness.Scenario
	for _, op := range harness.Operations() {
		if chosen(op) {
			scenarios = append(scenarios, harness.Scenario{Name: op.OperationID, Play: func(t *testing.T, c *harness.Client) { test(t, c, op) }})
		}
	}
	harness.RunScenarios(t, scenarios, flags...)
}
