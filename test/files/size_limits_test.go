package files

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestFileSizeLimit uploads files of exactly the maximum size and of one byte more: raw, in a form and in a message,
// with and without a Content-Length.
func TestFileSizeLimit(t *testing.T) {
	harness.SkipIfShort(t)
	const maxSize = 5000
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna := s.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		files, messages := harness.RoomPath(room.ID)+"/files", harness.RoomPath(room.ID)+"/messages/form"
		kept := 0
		for _, size := range []int{1, maxSize, maxSize + 1, 3 * maxSize} {
			content := bytes.Repeat([]byte("x"), size)
			inForm := []byte(harness.RawForm(harness.FilePart("a.txt", string(content))))
			for _, a := range []*harness.Response{
				anna.CallInvalid("POST", files, content, "Content-Type", "text/plain"),
				anna.PostChunked(files, content, "Content-Type", "text/plain"),
				anna.CallInvalid("POST", files, inForm, "Content-Type", harness.FormMediaType),
				anna.PostChunked(files, inForm, "Content-Type", harness.FormMediaType),
				anna.CallInvalid("POST", messages, inForm, "Content-Type", harness.FormMediaType),
				anna.PostChunked(messages, inForm, "Content-Type", harness.FormMediaType),
			} {
				if size > maxSize {
					a.ExpectProblem(413, models.CodeTooLarge)
				} else {
					a.ExpectStatus(201)
					kept++
				}
			}
		}
		// The limit applies to the total size of the files of a message.
		half := strings.Repeat("x", maxSize/2)
		a := anna.Send("POST", messages, []byte(harness.RawForm(harness.FilePart("a", half), harness.FilePart("b", half))),
			"Content-Type", harness.FormMediaType).ExpectStatus(201)
		kept += 2
		var m models.Message
		a.Decode(&m)
		if len(m.Files) != 2 {
			t.Errorf("got %+v", m)
		}
		anna.CallInvalid("POST", messages, []byte(harness.RawForm(harness.FilePart("a", half), harness.FilePart("b", half),
			harness.FilePart("c", "x"))), "Content-Type", harness.FormMediaType).
			ExpectProblem(413, models.CodeTooLarge)

		anna.CallInvalid("POST", files, []byte{}, "Content-Type", "text/plain").ExpectProblem(422, models.CodeBadFile)
		anna.PostChunked(files, nil, "Content-Type", "text/plain").ExpectProblem(422, models.CodeBadFile)
		s.ExpectNoLeases()
		s.ExpectBlobs(kept, int64(kept))
	}, "--max-file-size", fmt.Sprint(maxSize))
}

// TestInterruptedUploadsLeaveNoFiles sends fewer bytes than announced and closes the connection. Nothing is stored.
func TestInterruptedUploadsLeaveNoFiles(t *testing.T) {
	harness.SkipIfShort(t)
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna := s.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		files, messages := harness.RoomPath(room.ID)+"/files", harness.RoomPath(room.ID)+"/messages/form"
		long := harness.RawForm(harness.FieldPart("text", "hello"), harness.FilePart("a.txt", strings.Repeat("x", 100_000)))
		chunked := "Transfer-Encoding: chunked"
		for _, r := range []struct{ path, head, kind, body string }{
			{files, harness.ContentLengthHeader(200_000), "text/plain", strings.Repeat("x", 100_000)},
			{files, harness.ContentLengthHeader(1), "text/plain", ""},
			{files, chunked, "text/plain", "186A0\r\n" + strings.Repeat("x", 90_000)},
			{files, chunked, "text/plain", "186A0\r\n" + strings.Repeat("x", 100_000) + "\r\n"},
			{files, chunked, "text/plain", "5\r\nhello\r\nZZ\r\n"},
			{
				files, harness.ContentLengthHeader(200_000), harness.FormMediaType,
				harness.RawForm(harness.FilePart("a.txt", strings.Repeat("x", 90_000)), "cut"),
			},
			{messages, harness.ContentLengthHeader(len(long)), harness.FormMediaType, long[:len(long)-1000]},
			{messages, harness.ContentLengthHeader(len(long) + 1000), harness.FormMediaType, long[:len(long)-4]},
			{messages, chunked, harness.FormMediaType, fmt.Sprintf("%X\r\n%s", len(long), long[:60_000])},
		} {
			// A client that still reads gets an error response. One that closed the connection leaves nothing behind.
			conn := anna.DialRaw(r.path, r.head, "Content-Type: "+r.kind)
			conn.Write(r.body)
			if err := conn.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			conn.ExpectProblem(400, models.CodeMalformedBody)
			conn = anna.DialRaw(r.path, r.head, "Content-Type: "+r.kind)
			conn.Write(r.body)
			_ = conn.Conn.Close()
		}
		s.ExpectBlobs(0, 0)
		if m := anna.SendText(room.ID, "the first message"); m.ID != 1 {
			t.Errorf("the first message has the id %d, want 1", m.ID)
		}
	})
}

// TestFileQuota uses up the quota of a user, and frees it again.
func TestFileQuota(t *testing.T) {
	harness.SkipIfShort(t)
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "the total size of a user's files", Run: testQuotaSum},
		{Name: "concurrent uploads", Run: testQuotaConcurrentUploads},
		{Name: "a message with files", Run: testQuotaMessageForm},
		{Name: "an idempotent replay", Run: testQuotaIdempotentReplay},
	}, "--file-quota", "1000")
}

// fileOfSize returns the content of a file of size bytes.
func fileOfSize(size int) []byte { return bytes.Repeat([]byte("x"), size) }

func postFile(c *harness.Client, roomID int64, content []byte, headers ...string) *harness.Response {
	c.T.Helper()
	return c.Call("POST", harness.RoomPath(roomID)+"/files", content, append(headers, "Content-Type", "text/plain")...)
}

func testQuotaSum(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room, other := anna.CreatePrivateRoom(bert), anna.CreatePrivateRoom()
	postFile(anna, room.ID, fileOfSize(1001)).ExpectProblem(413, models.CodeTooLarge)
	first := anna.UploadFile(room.ID, "a", "text/plain", fileOfSize(600))
	m := sendAttached(anna, room.ID, first)
	postFile(anna, other.ID, fileOfSize(401)).ExpectProblem(413, models.CodeTooLarge)
	anna.PostChunked(harness.RoomPath(other.ID)+"/files", fileOfSize(401), "Content-Type", "text/plain").
		ExpectProblem(413, models.CodeTooLarge)
	anna.UploadFile(other.ID, "b", "text/plain", fileOfSize(400))
	postFile(anna, room.ID, fileOfSize(1)).ExpectProblem(413, models.CodeTooLarge)
	bert.UploadFile(room.ID, "c", "text/plain", fileOfSize(1000))
	anna.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204)
	anna.UploadFile(room.ID, "d", "text/plain", fileOfSize(600))
	postFile(anna, room.ID, fileOfSize(1)).ExpectProblem(413, models.CodeTooLarge)
	anna.Call("DELETE", harness.RoomPath(other.ID), nil).ExpectStatus(204)
	harness.Eventually(t, "the files of the deleted room no longer count", func() bool {
		return postFile(anna, room.ID, fileOfSize(400)).HTTP.StatusCode == 201
	})
}

func testQuotaConcurrentUploads(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	const attempts = 8
	responses := make([]*harness.Response, attempts)
	var sending sync.WaitGroup
	for i := range attempts {
		sending.Go(func() {
			responses[i] = anna.Send("POST", harness.RoomPath(room.ID)+"/files", fileOfSize(300), "Content-Type", "text/plain")
		})
	}
	sending.Wait()
	accepted := 0
	for _, a := range responses {
		if a.HTTP.StatusCode == 201 {
			accepted++
		} else {
			a.ExpectProblem(413, models.CodeTooLarge)
		}
	}
	if accepted != 3 {
		t.Errorf("%d files of 300 bytes were accepted with a quota of 1000 bytes, want 3", accepted)
	}
}

func testQuotaMessageForm(_ *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	send := func(sizes ...int) *harness.Response {
		var parts []string
		for _, size := range sizes {
			parts = append(parts, harness.FilePart("a", string(fileOfSize(size))))
		}
		return anna.Call("POST", harness.RoomPath(room.ID)+"/messages/form", []byte(harness.RawForm(parts...)),
			"Content-Type", harness.FormMediaType)
	}
	send(600, 401).ExpectProblem(413, models.CodeTooLarge)
	send(600, 400).ExpectStatus(201) // the refused request does not count
	send(1).ExpectProblem(413, models.CodeTooLarge)
	anna.SendText(room.ID, "text does not count")
}

func testQuotaIdempotentReplay(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	key := []string{"Idempotency-Key", "once"}
	first := postFile(anna, room.ID, fileOfSize(400), key...).ExpectStatus(201)
	again := postFile(anna, room.ID, fileOfSize(400), key...).ExpectStatus(201)
	body := []byte(harness.RawForm(harness.FilePart("a", string(fileOfSize(300))),
		harness.FilePart("b", string(fileOfSize(300)))))
	key = append(key, "Content-Type", harness.FormMediaType)
	sent := anna.Call("POST", harness.RoomPath(room.ID)+"/messages/form", body, key...).ExpectStatus(201)
	sentAgain := anna.Call("POST", harness.RoomPath(room.ID)+"/messages/form", body, key...).ExpectStatus(201)
	late := postFile(anna, room.ID, fileOfSize(400), key[:2]...).ExpectStatus(201)
	for _, a := range [][2]*harness.Response{{first, again}, {sent, sentAgain}, {first, late}} {
		if !bytes.Equal(a[0].Body, a[1].Body) || a[1].Header("Idempotency-Replayed") != "true" {
			t.Errorf("the response %v\nwas replayed as %v", a[0], a[1])
		}
	}
	postFile(anna, room.ID, fileOfSize(400), "Idempotency-Key", "another").ExpectProblem(413, models.CodeTooLarge)
}
