package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestFiles(t *testing.T) {
	playWithFiles(t, []scenario{
		{"raw, attached, downloaded", testRawFile},
		{"a form with one file", testFileForm},
		{"a message and its files in one request", testMessageForm},
		{"a picture and its thumbnail", testPicture},
	})
}

// upload stores a file in a room.
func (c *client) upload(roomID int64, name, mediaType string, content []byte, headers ...string) models.File {
	c.t.Helper()
	var f models.File
	path := roomPath(roomID) + "/files?name=" + url.QueryEscape(name)
	c.call("POST", path, content, append(headers, "Content-Type", mediaType)...).status(201).into(&f)
	return f
}

// content reads a file's bytes.
func (c *client) content(f models.File, headers ...string) *answer {
	c.t.Helper()
	return c.call("GET", f.URL, nil, headers...)
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func testRawFile(t *testing.T, c *client) {
	anna, bert := c.newcomer("anna"), c.newcomer("bert")
	room := anna.privateRoom(bert)
	content := []byte("Dear all,\nthis is a letter.\n")
	f := anna.upload(room.ID, "letter.txt", "text/plain", content)
	want := models.File{
		ID: f.ID, RoomID: room.ID, Name: "letter.txt", MediaType: "text/plain", Size: int64(len(content)), SHA256: digestOf(content),
		URL: "/v1/files/" + f.ID + "/content", CreatedAt: f.CreatedAt,
	}
	if f != want {
		t.Errorf("got %+v, wanted %+v", f, want)
	}
	bert.call("GET", f.URL, nil).problem(404, models.CodeNotFound)
	if got := get[models.File](anna, "/v1/files/"+f.ID); got != f {
		t.Errorf("it is %+v", got)
	}
	stream := bert.open("")
	var m, pushed models.Message
	anna.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "see this", FileIDs: []string{f.ID}}).status(201).into(&m)
	stream.expect(models.EventMessageNotification, &pushed)
	for _, got := range []models.Message{m, pushed, get[models.Message](bert, messagePath(m)), get[models.Page[models.Message]](bert, roomPath(room.ID)+"/messages").Items[0]} {
		if len(got.Files) != 1 || got.Files[0] != f {
			t.Errorf("the message has the files %+v", got.Files)
		}
	}
	a := bert.content(f).status(200)
	if !bytes.Equal(a.body, content) || a.header("Content-Type") != "text/plain" {
		t.Errorf("%v\nis not the letter: %v", a, a.response.Header)
	}
	anna.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "again", FileIDs: []string{f.ID}}).invalid("file_ids[0]")
	bert.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "mine", FileIDs: []string{f.ID}}).invalid("file_ids[0]")
}

// part is a part of a form.
type part struct{ field, name, mediaType, content string }

// form is a body of parts, and its Content-Type.
func form(t testing.TB, parts ...part) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		head := textproto.MIMEHeader{}
		disposition := `form-data; name="` + p.field + `"`
		if p.name != "" {
			disposition += `; filename="` + p.name + `"`
		}
		head.Set("Content-Disposition", disposition)
		if p.mediaType != "" {
			head.Set("Content-Type", p.mediaType)
		}
		to, err := w.CreatePart(head)
		if err == nil {
			_, err = to.Write([]byte(p.content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

func testFileForm(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	body, mediaType := form(t, part{"file", "notes.md", "text/markdown", "# Notes"})
	var f models.File
	anna.call("POST", roomPath(room.ID)+"/files", body, "Content-Type", mediaType).status(201).into(&f)
	if f.Name != "notes.md" || f.MediaType != "text/markdown" || f.Size != 7 {
		t.Errorf("got %+v", f)
	}
}

func testMessageForm(t *testing.T, c *client) {
	anna, bert := c.newcomer("anna"), c.newcomer("bert")
	room := anna.privateRoom(bert)
	stream := bert.open("")
	body, mediaType := form(t, part{field: "text", content: "two papers"}, part{"file", "a.txt", "text/plain", "first"},
		part{"file", "b.txt", "text/plain", "second"}, part{field: "client_id", content: "c-1"})
	var m, pushed models.Message
	key := []string{"Content-Type", mediaType, "Idempotency-Key", "once"}
	anna.call("POST", roomPath(room.ID)+"/messages", body, key...).status(201).into(&m)
	if m.Text != "two papers" || m.ClientID != "c-1" || m.Type != models.MessageFile || len(m.Files) != 2 ||
		m.Files[0].Name != "a.txt" || m.Files[1].Name != "b.txt" {
		t.Errorf("got %+v", m)
	}
	stream.expect(models.EventMessageNotification, &pushed)
	if len(pushed.Files) != 2 || string(bert.content(pushed.Files[1]).status(200).body) != "second" {
		t.Errorf("pushed %+v", pushed)
	}
	again := anna.call("POST", roomPath(room.ID)+"/messages", body, key...).status(201)
	var same models.Message
	again.into(&same)
	if again.header("Idempotency-Replayed") != "true" || same.ID != m.ID || same.Files[0].ID != m.Files[0].ID {
		t.Errorf("%v\nis not the first answer", again)
	}
}

// photo is a picture of w × h pixels, red at the left and blue at the right.
func photo(w, h int) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			p.SetRGBA(x, y, color.RGBA{R: uint8(255 - 255*x/w), B: uint8(255 * x / w), A: 255})
		}
	}
	return p
}

func testPicture(t *testing.T, c *client) {
	anna, bert := c.newcomer("anna"), c.newcomer("bert")
	room := anna.privateRoom(bert)
	var content bytes.Buffer
	if err := png.Encode(&content, photo(800, 400)); err != nil {
		t.Fatal(err)
	}
	body, mediaType := form(t, part{"file", "harbour.png", "image/png", content.String()})
	var m models.Message
	anna.call("POST", roomPath(room.ID)+"/messages", body, "Content-Type", mediaType).status(201).into(&m)
	f := m.Files[0]
	if m.Type != models.MessageImage || f.Width != 800 || f.Height != 400 || f.MediaType != "image/png" || f.ThumbnailURL == "" {
		t.Errorf("got %+v", m)
	}
	a := bert.call("GET", f.ThumbnailURL, nil).status(200)
	small, err := jpeg.DecodeConfig(bytes.NewReader(a.body))
	if err != nil || small.Width != 320 || small.Height != 160 {
		t.Errorf("the thumbnail is %+v, %v", small, err)
	}
}
