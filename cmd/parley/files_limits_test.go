package main

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestFileSizes sends files of exactly the size that one may have, and of one byte more: raw, in a form and in a message,
// with a length and without.
func TestFileSizes(t *testing.T) {
	long(t)
	const most = 5000
	onEachShelf(t, func(t *testing.T, s *shelf) {
		anna := s.newcomer("anna")
		room := anna.privateRoom()
		files, messages := roomPath(room.ID)+"/files", roomPath(room.ID)+"/messages"
		kept := 0
		for _, size := range []int{1, most, most + 1, 3 * most} {
			content := bytes.Repeat([]byte("x"), size)
			inForm := []byte(rawForm(filePart("a.txt", string(content))))
			for _, a := range []*answer{
				anna.wrong("POST", files, content, "Content-Type", "text/plain"),
				anna.pour(files, content, "Content-Type", "text/plain"),
				anna.wrong("POST", files, inForm, "Content-Type", goodType),
				anna.pour(files, inForm, "Content-Type", goodType),
				anna.wrong("POST", messages, inForm, "Content-Type", goodType),
				anna.pour(messages, inForm, "Content-Type", goodType),
			} {
				if size > most {
					a.problem(413, models.CodeTooLarge)
				} else {
					a.status(201)
					kept++
				}
			}
		}
		// In one message the files have the limit together.
		half := strings.Repeat("x", most/2)
		a := anna.send("POST", messages, []byte(rawForm(filePart("a", half), filePart("b", half))), "Content-Type", goodType).status(201)
		kept += 2
		var m models.Message
		a.into(&m)
		if len(m.Files) != 2 {
			t.Errorf("got %+v", m)
		}
		anna.wrong("POST", messages, []byte(rawForm(filePart("a", half), filePart("b", half), filePart("c", "x"))), "Content-Type", goodType).
			problem(413, models.CodeTooLarge)

		anna.wrong("POST", files, []byte{}, "Content-Type", "text/plain").problem(422, models.CodeBadFile)
		anna.pour(files, nil, "Content-Type", "text/plain").problem(422, models.CodeBadFile)
		s.wantAllGivenUp()
		s.wantBlobs(kept, int64(kept))
	}, "--max-file-size", fmt.Sprint(most))
}

// TestCutUploads sends fewer bytes than it said, and hangs up. Nothing stays behind.
func TestCutUploads(t *testing.T) {
	long(t)
	onEachShelf(t, func(t *testing.T, s *shelf) {
		anna := s.newcomer("anna")
		room := anna.privateRoom()
		files, messages := roomPath(room.ID)+"/files", roomPath(room.ID)+"/messages"
		long := rawForm(fieldPart("text", "hello"), filePart("a.txt", strings.Repeat("x", 100_000)))
		chunked := "Transfer-Encoding: chunked"
		for _, r := range []struct{ path, head, kind, body string }{
			{files, length(200_000), "text/plain", strings.Repeat("x", 100_000)},
			{files, length(1), "text/plain", ""},
			{files, chunked, "text/plain", "186A0\r\n" + strings.Repeat("x", 90_000)},
			{files, chunked, "text/plain", "186A0\r\n" + strings.Repeat("x", 100_000) + "\r\n"},
			{files, chunked, "text/plain", "5\r\nhello\r\nZZ\r\n"},
			{files, length(200_000), goodType, rawForm(filePart("a.txt", strings.Repeat("x", 90_000)), "cut")},
			{messages, length(len(long)), goodType, long[:len(long)-1000]},
			{messages, length(len(long) + 1000), goodType, long[:len(long)-4]},
			{messages, chunked, goodType, fmt.Sprintf("%X\r\n%s", len(long), long[:60_000])},
		} {
			// The client that still listens hears what was wrong; the one that has gone costs no more.
			w := anna.dial(r.path, r.head, "Content-Type: "+r.kind)
			w.write(r.body)
			if err := w.conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			w.refusal(400, models.CodeMalformedBody)
			w = anna.dial(r.path, r.head, "Content-Type: "+r.kind)
			w.write(r.body)
			_ = w.conn.Close()
		}
		s.wantBlobs(0, 0)
		if m := anna.say(room.ID, "the first message"); m.ID != 1 {
			t.Errorf("there is a message %d", m.ID)
		}
	})
}

// TestFileQuota fills what one user's files may hold together, and makes room again.
func TestFileQuota(t *testing.T) {
	long(t)
	play(t, []scenario{
		{"the sum counts, of one user", testQuotaSum},
		{"of many at once, only those that fit", testQuotaAtOnce},
		{"a message with its files", testQuotaForm},
		{"what was answered is answered again", testQuotaReplay},
	}, "--file-quota", "1000")
}

// crosses are a file of so many bytes.
func crosses(size int) []byte { return bytes.Repeat([]byte("x"), size) }

func (c *client) tryUpload(roomID int64, content []byte, headers ...string) *answer {
	c.t.Helper()
	return c.call("POST", roomPath(roomID)+"/files", content, append(headers, "Content-Type", "text/plain")...)
}

func testQuotaSum(t *testing.T, c *client) {
	anna, bert := c.newcomer("anna"), c.newcomer("bert")
	room, other := anna.privateRoom(bert), anna.privateRoom()
	anna.tryUpload(room.ID, crosses(1001)).problem(413, models.CodeTooLarge)
	first := anna.upload(room.ID, "a", "text/plain", crosses(600))
	m := anna.attach(room.ID, first)
	anna.tryUpload(other.ID, crosses(401)).problem(413, models.CodeTooLarge)
	anna.pour(roomPath(other.ID)+"/files", crosses(401), "Content-Type", "text/plain").problem(413, models.CodeTooLarge)
	anna.upload(other.ID, "b", "text/plain", crosses(400))
	anna.tryUpload(room.ID, crosses(1)).problem(413, models.CodeTooLarge)
	bert.upload(room.ID, "c", "text/plain", crosses(1000))
	anna.call("DELETE", messagePath(m), nil).status(204)
	anna.upload(room.ID, "d", "text/plain", crosses(600))
	anna.tryUpload(room.ID, crosses(1)).problem(413, models.CodeTooLarge)
	anna.call("DELETE", roomPath(other.ID), nil).status(204)
	eventually(t, "the files of the room are gone", func() bool {
		return anna.tryUpload(room.ID, crosses(400)).response.StatusCode == 201
	})
}

func testQuotaAtOnce(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	const tries = 8
	answers := make([]*answer, tries)
	var sending sync.WaitGroup
	for i := range tries {
		sending.Go(func() {
			answers[i] = anna.send("POST", roomPath(room.ID)+"/files", crosses(300), "Content-Type", "text/plain")
		})
	}
	sending.Wait()
	taken := 0
	for _, a := range answers {
		if a.response.StatusCode == 201 {
			taken++
		} else {
			a.problem(413, models.CodeTooLarge)
		}
	}
	if taken != 3 {
		t.Errorf("%d files of 300 bytes were taken, of 1000 bytes", taken)
	}
}

func testQuotaForm(_ *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	send := func(sizes ...int) *answer {
		var parts []string
		for _, size := range sizes {
			parts = append(parts, filePart("a", string(crosses(size))))
		}
		return anna.call("POST", roomPath(room.ID)+"/messages", []byte(rawForm(parts...)), "Content-Type", goodType)
	}
	send(600, 401).problem(413, models.CodeTooLarge)
	send(600, 400).status(201) // nothing of the first try counts
	send(1).problem(413, models.CodeTooLarge)
	anna.say(room.ID, "words are free")
}

func testQuotaReplay(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	key := []string{"Idempotency-Key", "once"}
	first := anna.tryUpload(room.ID, crosses(400), key...).status(201)
	again := anna.tryUpload(room.ID, crosses(400), key...).status(201)
	body := []byte(rawForm(filePart("a", string(crosses(300))), filePart("b", string(crosses(300)))))
	key = append(key, "Content-Type", goodType)
	sent := anna.call("POST", roomPath(room.ID)+"/messages", body, key...).status(201)
	sentAgain := anna.call("POST", roomPath(room.ID)+"/messages", body, key...).status(201)
	late := anna.tryUpload(room.ID, crosses(400), key[:2]...).status(201)
	for _, a := range [][2]*answer{{first, again}, {sent, sentAgain}, {first, late}} {
		if !bytes.Equal(a[0].body, a[1].body) || a[1].header("Idempotency-Replayed") != "true" {
			t.Errorf("%v\nwas answered again as %v", a[0], a[1])
		}
	}
	anna.tryUpload(room.ID, crosses(400), "Idempotency-Key", "another").problem(413, models.CodeTooLarge)
}
