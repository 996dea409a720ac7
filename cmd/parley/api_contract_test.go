package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/png"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/parley-chat/parley/models"
)

// operation is one method of one path of the contract.
type operation struct {
	*openapi3.Operation
	method, path string
	parameters   openapi3.Parameters // its own, and its path's
}

// operations are all that the contract has, in a fixed order.
func operations() (all []operation) {
	paths := document().Paths
	for _, path := range paths.InMatchingOrder() {
		item := paths.Value(path)
		for method, op := range item.Operations() {
			all = append(all, operation{op, method, path, slices.Concat(item.Parameters, op.Parameters)})
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.OperationID, b.OperationID) })
	return all
}

// needsToken reports whether the operation is closed to who has no token.
func (op operation) needsToken() bool {
	if op.Security == nil {
		return true // the contract's own rule
	}
	for _, way := range *op.Security {
		if len(way) == 0 {
			return false
		}
	}
	return len(*op.Security) > 0
}

// takesJSON reports whether the operation has a JSON body.
func (op operation) takesJSON() bool { return op.takes("application/json") }

// takesForm reports whether the operation has a form for a body, perhaps beside others.
func (op operation) takesForm() bool { return op.takes("multipart/form-data") }

// takesBytes reports whether the operation's body is, or may be, a file or a part of one.
func (op operation) takesBytes() bool { return op.takes("*/*") || op.takes(chunkType) }

func (op operation) takes(mediaType string) bool {
	return op.RequestBody != nil && op.RequestBody.Value.Content[mediaType] != nil
}

// parameter is the operation's parameter of that name, nil for none.
func (op operation) parameter(name string) *openapi3.Parameter {
	for _, p := range op.parameters {
		if p.Value.Name == name {
			return p.Value
		}
	}
	return nil
}

// property is the schema of a field of the body.
func (op operation) property(name string) *openapi3.Schema {
	body := op.RequestBody.Value.Content["application/json"].Schema.Value
	for _, form := range append(slices.Clone(body.OneOf), &openapi3.SchemaRef{Value: body}) {
		if p := form.Value.Properties[name]; p != nil {
			if len(p.Value.AllOf) == 1 {
				return p.Value.AllOf[0].Value
			}
			return p.Value
		}
	}
	return nil
}

// stage is a cast and a set for valid requests: my private room with another member and a message that has a picture, a
// file of mine that no message has, an upload of mine that has begun, and my open stream.
type stage struct {
	me, other, outsider *client
	room                models.Room
	message             models.Message
	file                models.File // a picture, which the message has
	unattached          models.File // which goes with the next message
	upload              string      // lacks all of chunk
	invite              models.Invite
	stream              *stream
	identity            string // of whoever makes the request
	callback            string // of a log-in under way at a provider
}

const (
	chunk     = "bytes" // the body of each operation that takes bytes
	chunkType = "application/offset+octet-stream"
)

func newStage(c *client) stage {
	c.t.Helper()
	s := stage{identity: "unknown", me: c.newcomer("me"), other: c.newcomer("other"), outsider: c.newcomer("outsider")}
	s.room = s.me.room(models.NewRoom{Handle: ptr(unique("stage")), Kind: ptr(models.RoomPrivate)})
	s.me.add(s.room.ID, s.other, models.RoleMember)
	s.file = s.me.upload(s.room.ID, "dot.png", "image/png", dot())
	s.me.call("POST", roomPath(s.room.ID)+"/messages", models.NewMessage{Text: "words", FileIDs: []string{s.file.ID}}).
		status(201).into(&s.message)
	s.unattached = s.me.upload(s.room.ID, "notes.txt", "text/plain", []byte("notes"))
	s.upload = s.me.announce(s.room.ID, len(chunk))
	s.invite = s.me.invite(s.room.ID, models.NewInvite{})
	s.stream = s.me.open("")
	return s
}

// dot is a picture of one pixel.
var dot = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, photo(1, 1)); err != nil {
		panic(err)
	}
	return b.Bytes()
})

// announce begins an upload of so many bytes and answers its id.
func (c *client) announce(roomID int64, size int) (id string) {
	c.t.Helper()
	made := c.call("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(size),
		"Upload-Metadata", uploadMetadata(roomID, "film.txt")).status(201)
	return strings.TrimPrefix(made.header("Location"), "/v1/uploads/")
}

// uploadMetadata says where a text goes, and under which name.
func uploadMetadata(roomID int64, name string) string {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	return "filename " + encode(name) + ",filetype " + encode("text/plain") + ",room_id " + encode(fmt.Sprint(roomID))
}

// values are what goes into the paths of the contract.
func (s stage) values() map[string]string {
	return map[string]string{
		"room": fmt.Sprint(s.room.ID), "user": fmt.Sprint(s.other.User.ID), "message": fmt.Sprint(s.message.ID),
		"session": s.me.SessionID, "stream": s.stream.ready.StreamID,
		"provider": "mock", "identity": s.identity, "code": s.invite.Code, "file": s.file.ID, "upload": s.upload, "emoji": "👍",
	}
}

// at is the operation's path, with its parameters filled in and one of them replaced by what is escaped already.
func (s stage) at(op operation, name, escaped string) string {
	if s.callback != "" && name == "" {
		return s.callback
	}
	path := op.path
	for key, value := range s.values() {
		value = url.PathEscape(value)
		if key == name {
			value = escaped
		}
		path = strings.ReplaceAll(path, "{"+key+"}", value)
	}
	if query := op.query(""); query != "" {
		path += "?" + query
	}
	return path
}

func (s stage) path(op operation) string { return s.at(op, "", "") }

// asking is the operation's path with a query in place of the parameter of that name.
func (s stage) asking(op operation, name, query string) string {
	path, _, _ := strings.Cut(s.path(op), "?")
	if rest := op.query(name); rest != "" {
		query = rest + "&" + query
	}
	return path + "?" + query
}

// query is the query that the operation needs, but for one parameter.
func (op operation) query(without string) string {
	query := url.Values{}
	for _, p := range op.parameters {
		// Of the parameters of this search one is needed, which the contract cannot say.
		oneOf := op.OperationID == "SearchMessages" && p.Value.Name == "q" && without != "prefix"
		if p.Value.In == "query" && p.Value.Name != without && (p.Value.Required || oneOf) {
			query.Set(p.Value.Name, written(p.Value.Example))
		}
	}
	return query.Encode()
}

// headers are those that the operation needs. The stream is asked for in its JSON form, which ends.
func (s stage) headers(op operation) (pairs []string) {
	ours := map[string]string{
		"Tus-Resumable": "1.0.0", // of which only tus itself says that it is required
		"Upload-Length": strconv.Itoa(len(chunk)), "Upload-Offset": "0", "Upload-Metadata": uploadMetadata(s.room.ID, "film.txt"),
	}
	for _, p := range op.parameters {
		if value, known := ours[p.Value.Name]; p.Value.In == "header" && known {
			pairs = append(pairs, p.Value.Name, value)
		} else if p.Value.In == "header" && p.Value.Required {
			pairs = append(pairs, p.Value.Name, written(p.Value.Example))
		}
	}
	if op.OperationID == "StreamEvents" {
		pairs = append(pairs, "Accept", "application/json")
	}
	return pairs
}

// written is an example as it stands in a query or a header.
func written(example any) string {
	if number, isNumber := example.(float64); isNumber {
		return strconv.FormatFloat(number, 'f', -1, 64)
	}
	return fmt.Sprint(example)
}

// body is a valid JSON body of the operation, with all fields that go together.
func (s stage) body(op operation) map[string]any {
	message := map[string]any{
		"type": "text", "text": "hello", "file_ids": []any{}, "reply_to": s.message.ID, "client_id": "c-1",
	}
	if s.unattached.ID != "" {
		message["file_ids"] = []any{s.unattached.ID}
	}
	switch op.OperationID {
	case "SignUp":
		return map[string]any{
			"username": s.room.Handle, "password": password, "display_name": "A", "description": "B", "cookie": true,
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
func example(op operation) (body map[string]any) {
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
func (s stage) request(op operation, by *client) *answer {
	by.t.Helper()
	return s.send(op, by, s.path(op))
}

// send is request with another path, and with further headers.
func (s stage) send(op operation, by *client, path string, headers ...string) *answer {
	by.t.Helper()
	headers = append(s.headers(op), headers...)
	switch {
	case op.takesJSON():
		return by.send(op.method, path, s.body(op), headers...)
	case op.takesBytes():
		return by.send(op.method, path, []byte(chunk), append([]string{"Content-Type", chunkType}, headers...)...)
	}
	return by.send(op.method, path, nil, headers...)
}

// form is a valid form for a body of the operation.
func (s stage) form(op operation) []part {
	file := part{"file", "a.txt", "text/plain", "a text"}
	if op.OperationID == "UploadFile" {
		return []part{file}
	}
	return []part{
		{field: "type", content: "file"}, {field: "text", content: "hello"}, file, {"file", "dot.png", "image/png", string(dot())},
		{field: "reply_to", content: fmt.Sprint(s.message.ID)}, {field: "client_id", content: "c-1"},
	}
}

// sendForm is send with a form.
func (s stage) sendForm(op operation, by *client, path string) *answer {
	by.t.Helper()
	body, mediaType := form(by.t, s.form(op)...)
	return by.send(op.method, path, body, append(s.headers(op), "Content-Type", mediaType)...)
}

// eachOperation runs a test for each of them that is chosen, on one server for each database.
func eachOperation(t *testing.T, chosen func(operation) bool, test func(t *testing.T, c *client, op operation), flags ...string) {
	t.Helper()
	var scenarios []scenario
	for _, op := range operations() {
		if chosen(op) {
			scenarios = append(scenarios, scenario{op.OperationID, func(t *testing.T, c *client) { test(t, c, op) }})
		}
	}
	play(t, scenarios, flags...)
}
