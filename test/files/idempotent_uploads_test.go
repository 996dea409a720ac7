package files

import (
	"bytes"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestFilesOnce repeats uploads and messages with files under their Idempotency-Key: each is there once, and so are its
// bytes.
func TestFilesOnce(t *testing.T) {
	harness.Long(t)
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna, bert := s.NewGuest("anna"), s.NewGuest("bert")
		room := anna.CreatePrivateRoom(bert)
		files, messages := harness.RoomPath(room.ID)+"/files", harness.RoomPath(room.ID)+"/messages"
		inForm := harness.RawForm(harness.FilePart("a.txt", "hello"))
		inMessage := harness.RawForm(harness.FieldPart("text", "see these"), harness.FilePart("a.txt", "first"), harness.FilePart("b.txt", "second"))
		for _, r := range []struct{ path, kind, body, other string }{
			{files + "?name=a.txt", "text/plain", "hello", "hullo"},
			{files, harness.FormMediaType, inForm, harness.RawForm(harness.FilePart("b.txt", "hello"))},
			{messages, harness.FormMediaType, inMessage, harness.RawForm(harness.FieldPart("text", "see these"), harness.FilePart("a.txt", "first"))},
		} {
			key := []string{"Idempotency-Key", harness.UniqueName("key"), "Content-Type", r.kind}
			answers := make([]*harness.Response, 7)
			var sending sync.WaitGroup
			for i := range answers[1:] {
				sending.Go(func() { answers[i] = anna.Send("POST", r.path, []byte(r.body), key...) })
			}
			sending.Wait()
			answers[6] = anna.Send("POST", r.path, []byte(r.body), key...)
			first := 0
			for _, a := range answers {
				a.ExpectStatus(201)
				if a.Header("Idempotency-Replayed") == "" {
					first++
				}
				if !bytes.Equal(a.Body, answers[0].Body) || a.Header("Location") != answers[0].Header("Location") ||
					a.EventID() != answers[0].EventID() {
					t.Errorf("%v\nwas answered again as %v", answers[0], a)
				}
			}
			if first != 1 {
				t.Errorf("%s: %d calls of one key say that they were the first", r.path, first)
			}
			anna.Send("POST", r.path, []byte(r.other), key...).ExpectProblem(409, models.CodeIdempotencyMismatch)
			bert.Send("POST", r.path, []byte(r.other), key...).ExpectStatus(201)
			anna.CallInvalid("POST", r.path, []byte(r.body), "Idempotency-Key", "not visible", "Content-Type", r.kind).ExpectInvalid("Idempotency-Key")
		}
		if history := harness.Get[models.Page[models.Message]](anna, messages).Items; len(history) != 2 || len(history[0].Files) != 2 {
			t.Errorf("the history is %+v", history)
		}
		s.ExpectNoLeases()
		s.ExpectBlobs(7, 7)

		// A call that failed leaves its key free.
		key := []string{"Idempotency-Key", harness.UniqueName("key"), "Content-Type", "image/png"}
		anna.Send("POST", files, []byte{}, key...).ExpectProblem(422, models.CodeBadFile)
		anna.Send("POST", files, pictureAs(t, "image/png", harness.Photo(4, 4)), key...).ExpectStatus(201)
		key = []string{"Idempotency-Key", harness.UniqueName("key"), "Content-Type", harness.FormMediaType}
		anna.Send("POST", messages, []byte(harness.RawForm(harness.FilePart("a.txt", "first"), harness.FieldPart("reply_to", "99"))), key...).ExpectInvalid("reply_to")
		anna.Send("POST", messages, []byte(inMessage), key...).ExpectStatus(201)
		s.ExpectBlobs(7+2+2, 10)
	})
}
