package files

import (
	"bytes"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestUploadAndSend uploads files raw and as forms, and sends them in messages, on each storage.
func TestUploadAndSend(t *testing.T) {
	harness.RunScenariosOnEachStorage(t, []harness.Scenario{
		{Name: "upload, attach, download", Run: testRawUpload},
		{Name: "a form with one file", Run: testFormUpload},
		{Name: "a message with files in one request", Run: testMessageForm},
		{Name: "a form at the path of messages", Run: testFormAtOlderPath},
		{Name: "a picture with its thumbnail", Run: testPictureMessage},
	})
}

func testRawUpload(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room := anna.CreatePrivateRoom(bert)
	content := []byte("Dear all,\nthis is a letter.\n")
	f := anna.UploadFile(room.ID, "letter.txt", "text/plain", content)
	want := models.File{
		ID: f.ID, RoomID: room.ID, Name: "letter.txt", MediaType: "text/plain", Size: int64(len(content)),
		SHA256: harness.DigestOf(content),
		URL:    "/v1/files/" + f.ID + "/content", CreatedAt: f.CreatedAt,
	}
	if f != want {
		t.Errorf("got %+v, want %+v", f, want)
	}
	bert.Call("GET", f.URL, nil).ExpectProblem(404, models.CodeNotFound)
	if got := harness.Get[models.File](anna, "/v1/files/"+f.ID); got != f {
		t.Errorf("the stored file is %+v, want %+v", got, f)
	}
	stream := bert.OpenStream("")
	var m, pushed models.Message
	anna.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "see this", FileIDs: []string{f.ID}}).
		ExpectStatus(201).Decode(&m)
	stream.Expect(models.EventMessageNotification, &pushed)
	for _, got := range []models.Message{m, pushed, harness.Get[models.Message](bert, harness.MessagePath(m)),
		harness.Get[models.Page[models.Message]](bert, harness.RoomPath(room.ID)+"/messages").Items[0]} {
		if len(got.Files) != 1 || got.Files[0] != f {
			t.Errorf("the message has the files %+v", got.Files)
		}
	}
	a := bert.Download(f).ExpectStatus(200)
	if !bytes.Equal(a.Body, content) || a.Header("Content-Type") != "text/plain" {
		t.Errorf("%v\nis not the uploaded file: %v", a, a.HTTP.Header)
	}
	anna.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "again", FileIDs: []string{f.ID}}).
		ExpectInvalid("file_ids[0]")
	bert.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "mine", FileIDs: []string{f.ID}}).
		ExpectInvalid("file_ids[0]")
}

func testFormUpload(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	body, mediaType := harness.EncodeForm(t,
		harness.FormPart{Field: "file", Name: "notes.md", MediaType: "text/markdown", Content: "# Notes"})
	var f models.File
	anna.Call("POST", harness.RoomPath(room.ID)+"/files", body, "Content-Type", mediaType).ExpectStatus(201).Decode(&f)
	if f.Name != "notes.md" || f.MediaType != "text/markdown" || f.Size != 7 {
		t.Errorf("got %+v", f)
	}
}

func testMessageForm(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room := anna.CreatePrivateRoom(bert)
	stream := bert.OpenStream("")
	body, mediaType := harness.EncodeForm(t, harness.FormPart{Field: "text", Content: "two documents"},
		harness.FormPart{Field: "file", Name: "a.txt", MediaType: "text/plain", Content: "first"},
		harness.FormPart{Field: "file", Name: "b.txt", MediaType: "text/plain", Content: "second"},
		harness.FormPart{Field: "client_id", Content: "c-1"})
	var m, pushed models.Message
	key := []string{"Content-Type", mediaType, "Idempotency-Key", "once"}
	anna.Call("POST", harness.RoomPath(room.ID)+"/messages/form", body, key...).ExpectStatus(201).Decode(&m)
	if m.Text != "two documents" || m.ClientID != "c-1" || m.Type != models.MessageFile || len(m.Files) != 2 ||
		m.Files[0].Name != "a.txt" || m.Files[1].Name != "b.txt" {
		t.Errorf("got %+v", m)
	}
	stream.Expect(models.EventMessageNotification, &pushed)
	if len(pushed.Files) != 2 || string(bert.Download(pushed.Files[1]).ExpectStatus(200).Body) != "second" {
		t.Errorf("the event is %+v", pushed)
	}
	again := anna.Call("POST", harness.RoomPath(room.ID)+"/messages/form", body, key...).ExpectStatus(201)
	var same models.Message
	again.Decode(&same)
	if again.Header("Idempotency-Replayed") != "true" || same.ID != m.ID || same.Files[0].ID != m.Files[0].ID {
		t.Errorf("%v\nis not a replay of the first response", again)
	}
}

// testFormAtOlderPath sends a form as before forms had a route of their own. It is the same message, but its
// Idempotency-Key is that of another path.
func testFormAtOlderPath(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	path := harness.RoomPath(room.ID) + "/messages"
	body, mediaType := harness.EncodeForm(t, harness.FormPart{Field: "text", Content: "a document"},
		harness.FormPart{Field: "file", Name: "a.txt", MediaType: "text/plain", Content: "first"})
	headers := []string{"Content-Type", mediaType, "Idempotency-Key", "once"}
	var older, now models.Message
	a := anna.Send("POST", path, body, headers...).ExpectStatus(201)
	a.Decode(&older)
	a.ExpectDeprecated(path + "/form")
	b := anna.Call("POST", path+"/form", body, headers...).ExpectStatus(201)
	b.Decode(&now)
	if older.Text != "a document" || len(older.Files) != 1 || now.ID == older.ID || b.Header("Deprecation") != "" {
		t.Errorf("got %v, and then %v", a, b)
	}
	for _, again := range []*harness.Response{
		anna.Send("POST", path, body, headers...), anna.Send("POST", path+"/form", body, headers...),
	} {
		if again.ExpectStatus(201).Header("Idempotency-Replayed") != "true" {
			t.Errorf("%v\nis not a replay", again)
		}
	}
	anna.Send("POST", path+"/form", models.NewMessage{Text: "in JSON"}).
		ExpectProblem(415, models.CodeUnsupportedMediaType)
	sent := anna.Call("POST", path, models.NewMessage{Text: "in JSON"}).ExpectStatus(201)
	if sent.Header("Deprecation") != "" {
		t.Errorf("%v is deprecated", sent)
	}
}

func testPictureMessage(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room := anna.CreatePrivateRoom(bert)
	var content bytes.Buffer
	if err := png.Encode(&content, harness.Photo(800, 400)); err != nil {
		t.Fatal(err)
	}
	body, mediaType := harness.EncodeForm(t,
		harness.FormPart{Field: "file", Name: "harbour.png", MediaType: "image/png", Content: content.String()})
	var m models.Message
	anna.Call("POST", harness.RoomPath(room.ID)+"/messages/form", body, "Content-Type", mediaType).ExpectStatus(201).
		Decode(&m)
	f := m.Files[0]
	if m.Type != models.MessageImage || f.Width != 800 || f.Height != 400 || f.MediaType != "image/png" ||
		f.ThumbnailURL == "" {
		t.Errorf("got %+v", m)
	}
	a := bert.Call("GET", f.ThumbnailURL, nil).ExpectStatus(200)
	small, err := jpeg.DecodeConfig(bytes.NewReader(a.Body))
	if err != nil || small.Width != 320 || small.Height != 160 {
		t.Errorf("the thumbnail is %+v, %v", small, err)
	}
}
