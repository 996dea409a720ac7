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

// TestFileSizes sends files of exactly the size that one may have, and of one byte more: raw, in a form and in a
// message, with a length and without.
func TestFileSizes(t *testing.T) {
	harness.Long(t)
	const most = 5000
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna := s.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		files, messages := harness.RoomPath(room.ID)+"/files", harness.RoomPath(room.ID)+"/messages"
		kept := 0
		for _, size := range []int{1, most, most + 1, 3 * most} {
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
				if size > most {
					a.ExpectProblem(413, models.CodeTooLarge)
				} else {
					a.ExpectStatus(201)
					kept++
				}
			}
		}
		// In one message the files have the limit together.
		half := strings.Repeat("x", most/2)
		a := anna.Send("POST", messages, []byte(harness.RawForm(harness.FilePart("a", half), harness.FilePart("b", half))), "Content-Type", harness.FormMediaType).ExpectStatus(201)
		kept += 2
		var m models.Message
		a.Decode(&m)
		if len(m.Files) != 2 {
			t.Errorf("got %+v", m)
		}
		anna.CallInvalid("POST", messages, []byte(harness.RawForm(harness.FilePart("a", half), harness.FilePart("b", half), harness.FilePart("c", "x"))), "Content-Type", harness.FormMediaType).
			ExpectProblem(413, models.CodeTooLarge)

		anna.CallInvalid("POST", files, []byte{}, "Content-Type", "text/plain").ExpectProblem(422, models.CodeBadFile)
		anna.PostChunked(files, nil, "Content-Type", "text/plain").ExpectProblem(422, models.CodeBadFile)
		s.ExpectNoLeases()
		s.ExpectBlobs(kept, int64(kept))
	}, "--max-file-size", fmt.Sprint(most))
}

// TestCutUploads sends fewer bytes than it said, and hangs up. Nothing stays behind.
func TestCutUploads(t *testing.T) {
	harness.Long(t)
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna := s.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		files, messages := harness.RoomPath(room.ID)+"/files", harness.RoomPath(room.ID)+"/messages"
		long := harness.RawForm(harness.FieldPart("text", "hello"), harness.FilePart("a.txt", strings.Repeat("x", 100_000)))
		chunked := "Transfer-Encoding: chunked"
		for _, r := range []struct{ path, head, kind, body string }{
			{files, harness.ContentLengthHeader(200_000), "text/plain", strings.Repeat("x", 100_000)},
			{files, harness.ContentLengthHeader(1), "text/plain", ""},
			{files, chunked, "text/plain", "186A0\r\n" + strings.Repeat("x", 90_000)},
			{files, chunked, "text/plain", "186A0\r\n" + strings.Repeat("x", 100_000) + "\r\n"},
			{files, chunked, "text/plain", "5\r\nhello\r\nZZ\r\n"},
			{files, harness.ContentLengthHeader(200_000), harness.FormMediaType, harness.RawForm(harness.FilePart("a.txt", strings.Repeat("x", 90_000)), "cut")},
			{messages, harness.ContentLengthHeader(len(long)), harness.FormMediaType, long[:len(long)-1000]},
			{messages, harness.ContentLengthHeader(len(long) + 1000), harness.FormMediaType, long[:len(long)-4]},
			{messages, chunked, harness.FormMediaType, fmt.Sprintf("%X\r\n%s", len(long), long[:60_000])},
		} {
			// The client that still listens hears what was wrong; the one that has gone costs no more.
			w := anna.DialRaw(r.path, r.head, "Content-Type: "+r.kind)
			w.Write(r.body)
			if err := w.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			w.ExpectProblem(400, models.CodeMalformedBody)
			w = anna.DialRaw(r.path, r.head, "Content-Type: "+r.kind)
			w.Write(r.body)
			_ = w.Conn.Close()
		}
		s.ExpectBlobs(0, 0)
		if m := anna.SendText(room.ID, "the first message"); m.ID != 1 {
			t.Errorf("there is a message %d", m.ID)
		}
	})
}

// TestFileQuota fills what one user's files may hold together, and makes room again.
func TestFileQuota(t *testing.T) {
	harness.Long(t)
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "the sum counts, of one user", Play: testQuotaSum},
		{Name: "of many at once, only those that fit", Play: testQuotaAtOnce},
		{Name: "a message with its files", Play: testQuotaForm},
		{Name: "what was answered is answered again", Play: testQuotaReplay},
	}, "--file-quota", "1000")
}

// crosses are a file of so many bytes.
func crosses(size int) []byte { return bytes.Repeat([]byte("x"), size) }

func tryUpload(c *harness.Client, roomID int64, content []byte, headers ...string) *harness.Response {
	c.T.Helper()
	return c.Call("POST", harness.RoomPath(roomID)+"/files", content, append(headers, "Content-Type", "text/plain")...)
}

func testQuotaSum(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room, other := anna.CreatePrivateRoom(bert), anna.CreatePrivateRoom()
	tryUpload(anna, room.ID, crosses(1001)).ExpectProblem(413, models.CodeTooLarge)
	first := anna.UploadFile(room.ID, "a", "text/plain", crosses(600))
	m := sendAttached(anna, room.ID, first)
	tryUpload(anna, other.ID, crosses(401)).ExpectProblem(413, models.CodeTooLarge)
	anna.PostChunked(harness.RoomPath(other.ID)+"/files", crosses(401), "Content-Type", "text/plain").ExpectProblem(413, models.CodeTooLarge)
	anna.UploadFile(other.ID, "b", "text/plain", crosses(400))
	tryUpload(anna, room.ID, crosses(1)).ExpectProblem(413, models.CodeTooLarge)
	bert.UploadFile(room.ID, "c", "text/plain", crosses(1000))
	anna.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204)
	anna.UploadFile(room.ID, "d", "text/plain", crosses(600))
	tryUpload(anna, room.ID, crosses(1)).ExpectProblem(413, models.CodeTooLarge)
	anna.Call("DELETE", harness.RoomPath(other.ID), nil).ExpectStatus(204)
	harness.Eventually(t, "the files of the room are gone", func() bool {
		return tryUpload(anna, room.ID, crosses(400)).HTTP.StatusCode == 201
	})
}

func testQuotaAtOnce(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	const tries = 8
	answers := make([]*harness.Response, tries)
	var sending sync.WaitGroup
	for i := range tries {
		sending.Go(func() {
			answers[i] = anna.Send("POST", harness.RoomPath(room.ID)+"/files", crosses(300), "Content-Type", "text/plain")
		})
	}
	sending.Wait()
	taken := 0
	for _, a := range answers {
		if a.HTTP.StatusCode == 201 {
			taken++
		} else {
			a.ExpectProblem(413, models.CodeTooLarge)
		}
	}
	if taken != 3 {
		t.Errorf("%d files of 300 bytes were taken, of 1000 bytes", taken)
	}
}

func testQuotaForm(_ *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	send := func(sizes ...int) *harness.Response {
		var parts []string
		for _, size := range sizes {
			parts = append(parts, harness.FilePart("a", string(crosses(size))))
		}
		return anna.Call("POST", harness.RoomPath(room.ID)+"/messages", []byte(harness.RawForm(parts...)), "Content-Type", harness.FormMediaType)
	}
	send(600, 401).ExpectProblem(413, models.CodeTooLarge)
	send(600, 400).ExpectStatus(201) // nothing of the first try counts
	send(1).ExpectProblem(413, models.CodeTooLarge)
	anna.SendText(room.ID, "words are free")
}

func testQuotaReplay(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	key := []string{"Idempotency-Key", "once"}
	first := tryUpload(anna, room.ID, crosses(400), key...).ExpectStatus(201)
	again := tryUpload(anna, room.ID, crosses(400), key...).ExpectStatus(201)
	body := []byte(harness.RawForm(harness.FilePart("a", string(crosses(300))), harness.FilePart("b", string(crosses(300)))))
	key = append(key, "Content-Type", harness.FormMediaType)
	sent := anna.Call("POST", harness.RoomPath(room.ID)+"/messages", body, key...).ExpectStatus(201)
	sentAgain := anna.Call("POST", harness.RoomPath(room.ID)+"/messages", body, key...).ExpectStatus(201)
	late := tryUpload(anna, room.ID, crosses(400), key[:2]...).ExpectStatus(201)
	for _, a := range [][2]*harness.Response{{first, again}, {sent, sentAgain}, {first, late}} {
		if !bytes.Equal(a[0].Body, a[1].Body) || a[1].Header("Idempotency-Replayed") != "true" {
			t.Errorf("%v\nwas answered again as %v", a[0], a[1])
		}
	}
	tryUpload(anna, room.ID, crosses(400), "Idempotency-Key", "another").ExpectProblem(413, models.CodeTooLarge)
}
