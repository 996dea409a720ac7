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

// requestFixture has what valid requests need: a private room of the user me with another member and a message with a
// picture, and me's unattached file, unfinished upload and open stream.
type requestFixture struct {
	me, other, outsider *harness.Client
	room                models.Room
	message             models.Message
	file                models.File // the picture of the message
	unattached          models.File // for the next message
	upload              string      // has no bytes yet, of harness.UploadChunk
	invite              models.Invite
	stream              *harness.Stream
	identity            string // of the user who sends the request
	callback            string // of an unfinished login at a provider
}

// newRequestFixture creates the users and objects of a fixture.
func newRequestFixture(c *harness.Client) requestFixture {
	c.T.Helper()
	s := requestFixture{identity: "unknown", me: c.NewGuest("me"), other: c.NewGuest("other"),
		outsider: c.NewGuest("outsider")}
	s.room = s.me.CreateRoom(models.NewRoom{Handle: harness.Ptr(harness.UniqueName("stage")),
		Kind: harness.Ptr(models.RoomPrivate)})
	s.me.AddMember(s.room.ID, s.other, models.RoleMember)
	s.file = s.me.UploadFile(s.room.ID, "dot.png", "image/png", harness.OnePixelPNG())
	s.me.Call("POST", harness.RoomPath(s.room.ID)+"/messages",
		models.NewMessage{Text: "words", FileIDs: []string{s.file.ID}}).
		ExpectStatus(201).Decode(&s.message)
	s.unattached = s.me.UploadFile(s.room.ID, "notes.txt", "text/plain", []byte("notes"))
	s.upload = s.me.CreateTextUpload(s.room.ID, len(harness.UploadChunk))
	s.invite = invite(s.me, s.room.ID, models.NewInvite{})
	s.stream = s.me.OpenStream("")
	return s
}

// values returns the values of the path parameters of the contract.
func (s requestFixture) values() map[string]string {
	return map[string]string{
		"room": fmt.Sprint(s.room.ID), "user": fmt.Sprint(s.other.User.ID), "message": fmt.Sprint(s.message.ID),
		"session": s.me.SessionID, "stream": s.stream.Ready.StreamID,
		"provider": "mock", "identity": s.identity, "code": s.invite.Code, "file": s.file.ID, "upload": s.upload,
		"emoji": "👍",
	}
}

// pathWith returns the operation's path with its parameters filled in. The parameter of the given name gets a value
// that is escaped already.
func (s requestFixture) pathWith(op harness.Operation, name, escaped string) string {
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

// path returns the operation's path with its valid parameters.
func (s requestFixture) path(op harness.Operation) string { return s.pathWith(op, "", "") }

// withQuery returns the operation's path with a query in place of the query parameter of that name.
func (s requestFixture) withQuery(op harness.Operation, name, query string) string {
	path, _, _ := strings.Cut(s.path(op), "?")
	if rest := op.Query(name); rest != "" {
		query = rest + "&" + query
	}
	return path + "?" + query
}

// headers returns the headers that the operation needs. Events are requested as JSON, since that response ends.
func (s requestFixture) headers(op harness.Operation) (pairs []string) {
	ours := map[string]string{
		"Tus-Resumable": "1.0.0", // required by tus, not by the contract
		"Upload-Length": strconv.Itoa(len(harness.UploadChunk)), "Upload-Offset": "0",
		"Upload-Metadata": harness.UploadMetadata(s.room.ID, "film.txt"),
	}
	for _, p := range op.Parameters {
		if value, known := ours[p.Value.Name]; p.Value.In == "header" && known {
			pairs = append(pairs, p.Value.Name, value)
		} else if p.Value.In == "header" && p.Value.Required {
			pairs = append(pairs, p.Value.Name, harness.FormatExample(p.Value.Example))
		}
	}
	if op.OperationID == "StreamEvents" {
		pairs = append(pairs, "Accept", "application/json")
	}
	return pairs
}

// body returns a valid JSON body of the operation, with all fields that are allowed together.
func (s requestFixture) body(op harness.Operation) map[string]any {
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

// example returns the body that the contract has as an example, for operations that body does not know.
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

// request sends the operation's valid request.
func (s requestFixture) request(op harness.Operation, by *harness.Client) *harness.Response {
	by.T.Helper()
	return s.send(op, by, s.path(op))
}

// send is like request, with another path and with more headers.
func (s requestFixture) send(
	op harness.Operation, by *harness.Client, path string, headers ...string,
) *harness.Response {
	by.T.Helper()
	headers = append(s.headers(op), headers...)
	switch {
	case op.TakesJSON():
		return by.Send(op.Method, path, s.body(op), headers...)
	case op.TakesBytes():
		return by.Send(op.Method, path, []byte(harness.UploadChunk),
			append([]string{"Content-Type", harness.UploadChunkType}, headers...)...)
	case op.TakesForm():
		body, mediaType := harness.EncodeForm(by.T, s.form(op)...)
		return by.Send(op.Method, path, body, append([]string{"Content-Type", mediaType}, headers...)...)
	}
	return by.Send(op.Method, path, nil, headers...)
}

// form returns the parts of a valid form for the operation.
func (s requestFixture) form(op harness.Operation) []harness.FormPart {
	file := harness.FormPart{Field: "file", Name: "a.txt", MediaType: "text/plain", Content: "a text"}
	if op.OperationID == "UploadFile" {
		return []harness.FormPart{file}
	}
	return []harness.FormPart{
		{Field: "type", Content: "file"}, {Field: "text", Content: "hello"}, file,
		{Field: "file", Name: "dot.png", MediaType: "image/png", Content: string(harness.OnePixelPNG())},
		{Field: "reply_to", Content: fmt.Sprint(s.message.ID)}, {Field: "client_id", Content: "c-1"},
	}
}

// sendForm is like send, with a form as the body.
func (s requestFixture) sendForm(op harness.Operation, by *harness.Client, path string) *harness.Response {
	by.T.Helper()
	body, mediaType := harness.EncodeForm(by.T, s.form(op)...)
	return by.Send(op.Method, path, body, append(s.headers(op), "Content-Type", mediaType)...)
}

// eachOperation runs a test for each chosen operation, on one server for each database.
func eachOperation(
	t *testing.T, chosen func(harness.Operation) bool,
	test func(t *testing.T, c *harness.Client, op harness.Operation), flags ...string,
) {
	t.Helper()
	var scenarios []harness.Scenario
	for _, op := range harness.Operations() {
		if chosen(op) {
			play := func(t *testing.T, c *harness.Client) { test(t, c, op) }
			scenarios = append(scenarios, harness.Scenario{Name: op.OperationID, Run: play})
		}
	}
	harness.RunScenarios(t, scenarios, flags...)
}
