package files

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// expectContinue reads 100 Continue as the next response, before any byte of the body was sent.
func expectContinue(w *harness.RawConn) {
	w.T.Helper()
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if line, err := w.Reader.ReadString('\n'); err != nil || line != want {
			w.T.Fatalf("got %q, %v, want %q", line, err, want)
		}
	}
}

// TestExpectContinue sends "Expect: 100-continue". A client that may upload gets 100 Continue before it sends a byte of
// the file. One that may not gets the final response instead.
func TestExpectContinue(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "accepted", Run: testContinueAccepted}, {Name: "refused", Run: testContinueRefused},
		{Name: "over the quota", Run: testContinueOverQuota},
	}, "--max-file-size", "2MB", "--file-quota", "3MB")
}

func testContinueAccepted(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	files := harness.RoomPath(room.ID) + "/files"

	w := anna.DialRaw(files+"?name=a.txt", "Content-Type: text/plain", harness.ContentLengthHeader(5),
		harness.ExpectContinueHeader)
	expectContinue(w)
	w.Write("hello")
	var f models.File
	w.ExpectResponse(201, &f)
	if f.Name != "a.txt" || f.SHA256 != harness.DigestOf([]byte("hello")) {
		t.Errorf("got %+v", f)
	}

	// Without a media type and a length.
	w = anna.DialRaw(files, "Transfer-Encoding: chunked", harness.ExpectContinueHeader)
	expectContinue(w)
	w.Write("5\r\nhello\r\n0\r\n\r\n")
	w.ExpectResponse(201, &f)
	if f.Name != "file" || f.MediaType != "text/plain" {
		t.Errorf("got %+v", f)
	}

	body := harness.RawForm(harness.FilePart("b.txt", "hello"))
	w = anna.DialRaw(files, "Content-Type: "+harness.FormMediaType, harness.ContentLengthHeader(len(body)),
		harness.ExpectContinueHeader)
	expectContinue(w)
	w.Write(body)
	w.ExpectResponse(201, &f)
	if f.Name != "b.txt" {
		t.Errorf("got %+v", f)
	}

	body = harness.RawForm(harness.FieldPart("text", "see this"), harness.FilePart("c.txt", "hello"))
	w = anna.DialRaw(harness.RoomPath(room.ID)+"/messages/form", "Content-Type: "+harness.FormMediaType,
		harness.ContentLengthHeader(len(body)), harness.ExpectContinueHeader)
	expectContinue(w)
	w.Write(body)
	var m models.Message
	w.ExpectResponse(201, &m)
	if m.Text != "see this" || len(m.Files) != 1 {
		t.Errorf("got %+v", m)
	}
}

func testContinueRefused(t *testing.T, c *harness.Client) {
	anna, bert, outcast := c.NewGuest("anna"), c.NewGuest("bert"), c.NewGuest("outcast")
	public, private := anna.CreatePublicRoom(outcast), anna.CreatePrivateRoom()
	anna.Call("PUT", harness.BanPath(public.ID, outcast), nil).ExpectStatus(200)
	badToken := *bert
	badToken.AccessToken += "x"
	raw, inForm := "Content-Type: text/plain", "Content-Type: "+harness.FormMediaType
	for _, r := range []struct {
		name   string
		client *harness.Client
		room   models.Room
		size   int
		status int
		code   models.Code
	}{
		{"no token", c, public, 5, 401, models.CodeUnauthenticated},
		{"a bad token", &badToken, public, 5, 401, models.CodeUnauthenticated},
		{"not a member of a public room", bert, public, 5, 403, models.CodeForbidden},
		{"not a member of a private room", bert, private, 5, 404, models.CodeNotFound},
		{"banned", outcast, public, 5, 403, models.CodeBanned},
		{"too large", anna, public, 5_000_000, 413, models.CodeTooLarge},
		{"an unknown room", anna, models.Room{ID: 1 << 40}, 5, 404, models.CodeNotFound},
	} {
		t.Log(r.name)
		files, messages := harness.RoomPath(r.room.ID)+"/files", harness.RoomPath(r.room.ID)+"/messages/form"
		r.client.DialRaw(files, raw, harness.ContentLengthHeader(r.size), harness.ExpectContinueHeader).
			ExpectProblem(r.status, r.code)
		r.client.DialRaw(files, inForm, harness.ContentLengthHeader(r.size), harness.ExpectContinueHeader).
			ExpectProblem(r.status, r.code)
		r.client.DialRaw(messages, inForm, harness.ContentLengthHeader(r.size), harness.ExpectContinueHeader).
			ExpectProblem(r.status, r.code)
	}
	anna.DialRaw(harness.RoomPath(public.ID)+"/files", raw, harness.ContentLengthHeader(2_000_001),
		harness.ExpectContinueHeader).ExpectProblem(413, models.CodeTooLarge)
	expectContinue(anna.DialRaw(harness.RoomPath(public.ID)+"/files", raw, harness.ContentLengthHeader(2_000_000),
		harness.ExpectContinueHeader))
}

func testContinueOverQuota(_ *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	files, messages := harness.RoomPath(room.ID)+"/files", harness.RoomPath(room.ID)+"/messages/form"
	anna.UploadFile(room.ID, "large.bin", harness.OctetStream, make([]byte, 2_000_000))
	anna.DialRaw(files, harness.ContentLengthHeader(1_000_001), harness.ExpectContinueHeader).
		ExpectProblem(413, models.CodeTooLarge)
	anna.DialRaw(files, "Content-Type: "+harness.FormMediaType, harness.ContentLengthHeader(1_000_001+models.MaxBodyBytes),
		harness.ExpectContinueHeader).ExpectProblem(413, models.CodeTooLarge)
	anna.DialRaw(messages, "Content-Type: "+harness.FormMediaType,
		harness.ContentLengthHeader(1_000_001+models.MaxBodyBytes), harness.ExpectContinueHeader).
		ExpectProblem(413, models.CodeTooLarge)
	expectContinue(anna.DialRaw(files, harness.ContentLengthHeader(1_000_000), harness.ExpectContinueHeader))
}
