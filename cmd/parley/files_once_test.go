package main

import (
	"bytes"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestFilesOnce repeats uploads and messages with files under their Idempotency-Key: each is there once, and so are its
// bytes.
func TestFilesOnce(t *testing.T) {
	long(t)
	onEachShelf(t, func(t *testing.T, s *shelf) {
		anna, bert := s.newcomer("anna"), s.newcomer("bert")
		room := anna.privateRoom(bert)
		files, messages := roomPath(room.ID)+"/files", roomPath(room.ID)+"/messages"
		inForm := rawForm(filePart("a.txt", "hello"))
		inMessage := rawForm(fieldPart("text", "see these"), filePart("a.txt", "first"), filePart("b.txt", "second"))
		for _, r := range []struct{ path, kind, body, other string }{
			{files + "?name=a.txt", "text/plain", "hello", "hullo"},
			{files, goodType, inForm, rawForm(filePart("b.txt", "hello"))},
			{messages, goodType, inMessage, rawForm(fieldPart("text", "see these"), filePart("a.txt", "first"))},
		} {
			key := []string{"Idempotency-Key", unique("key"), "Content-Type", r.kind}
			answers := make([]*answer, 7)
			var sending sync.WaitGroup
			for i := range answers[1:] {
				sending.Go(func() { answers[i] = anna.send("POST", r.path, []byte(r.body), key...) })
			}
			sending.Wait()
			answers[6] = anna.send("POST", r.path, []byte(r.body), key...)
			first := 0
			for _, a := range answers {
				a.status(201)
				if a.header("Idempotency-Replayed") == "" {
					first++
				}
				if !bytes.Equal(a.body, answers[0].body) || a.header("Location") != answers[0].header("Location") ||
					a.eventID() != answers[0].eventID() {
					t.Errorf("%v\nwas answered again as %v", answers[0], a)
				}
			}
			if first != 1 {
				t.Errorf("%s: %d calls of one key say that they were the first", r.path, first)
			}
			anna.send("POST", r.path, []byte(r.other), key...).problem(409, models.CodeIdempotencyMismatch)
			bert.send("POST", r.path, []byte(r.other), key...).status(201)
			anna.wrong("POST", r.path, []byte(r.body), "Idempotency-Key", "not visible", "Content-Type", r.kind).invalid("Idempotency-Key")
		}
		if history := get[models.Page[models.Message]](anna, messages).Items; len(history) != 2 || len(history[0].Files) != 2 {
			t.Errorf("the history is %+v", history)
		}
		s.wantAllGivenUp()
		s.wantBlobs(7, 7)

		// A call that failed leaves its key free.
		key := []string{"Idempotency-Key", unique("key"), "Content-Type", "image/png"}
		anna.send("POST", files, []byte{}, key...).problem(422, models.CodeBadFile)
		anna.send("POST", files, pictureAs(t, "image/png", photo(4, 4)), key...).status(201)
		key = []string{"Idempotency-Key", unique("key"), "Content-Type", goodType}
		anna.send("POST", messages, []byte(rawForm(filePart("a.txt", "first"), fieldPart("reply_to", "99"))), key...).invalid("reply_to")
		anna.send("POST", messages, []byte(inMessage), key...).status(201)
		s.wantBlobs(7+2+2, 10)
	})
}
