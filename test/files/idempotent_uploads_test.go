package files

import (
	"bytes"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestUploadsAreIdempotent repeats uploads and messages with files with the same Idempotency-Key: each file, and its
// bytes, are stored once.
func TestUploadsAreIdempotent(t *testing.T) {
	harness.SkipIfShort(t)
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna, bert := s.NewGuest("anna"), s.NewGuest("bert")
		room := anna.CreatePrivateRoom(bert)
		files, messages := harness.RoomPath(room.ID)+"/files", harness.RoomPath(room.ID)+"/messages"
		inForm := harness.RawForm(harness.FilePart("a.txt", "hello"))
		inMessage := harness.RawForm(harness.FieldPart("text", "see these"), harness.FilePart("a.txt", "first"),
			harness.FilePart("b.txt", "second"))
		for _, r := range []struct{ path, kind, body, other string }{
			{files + "?name=a.txt", "text/plain", "hello", "hullo"},
			{files, harness.FormMediaType, inForm, harness.RawForm(harness.FilePart("b.txt", "hello"))},
			{
				messages + "/form", harness.FormMediaType, inMessage,
				harness.RawForm(harness.FieldPart("text", "see these"), harness.FilePart("a.txt", "first")),
			},
		} {
			key := []string{"Idempotency-Key", harness.UniqueName("key"), "Content-Type", r.kind}
			responses := make([]*harness.Response, 7)
			var sending sync.WaitGroup
			for i := range responses[1:] {
				sending.Go(func() { responses[i] = anna.Send("POST", r.path, []byte(r.body), key...) })
			}
			sending.Wait()
			responses[6] = anna.Send("POST", r.path, []byte(r.body), key...)
			first := 0
			for _, a := range responses {
				a.ExpectStatus(201)
				if a.Header("Idempotency-Replayed") == "" {
					first++
				}
				if !bytes.Equal(a.Body, responses[0].Body) || a.Header("Location") != responses[0].Header("Location") ||
					a.EventID() != responses[0].EventID() {
					t.Errorf("the response %v\nwas replayed as %v", responses[0], a)
				}
			}
			if first != 1 {
				t.Errorf("%s: %d calls with the same key were not replays, want 1", r.path, first)
			}
			anna.Send("POST", r.path, []byte(r.other), key...).ExpectProblem(409, models.CodeIdempotencyMismatch)
			bert.Send("POST", r.path, []byte(r.other), key...).ExpectStatus(201)
			anna.CallInvalid("POST", r.path, []byte(r.body), "Idempotency-Key", "not visible", "Content-Type", r.kind).
				ExpectInvalid("Idempotency-Key")
		}
		if history := harness.Get[models.Page[models.Message]](anna, messages).Items; len(history) != 2 ||
			len(history[0].Files) != 2 {
			t.Errorf("the history is %+v", history)
		}
		s.ExpectNoLeases()
		s.ExpectBlobs(7, 7)

		// A call that failed does not use up its key.
		key := []string{"Idempotency-Key", harness.UniqueName("key"), "Content-Type", "image/png"}
		anna.Send("POST", files, []byte{}, key...).ExpectProblem(422, models.CodeBadFile)
		anna.Send("POST", files, encodePicture(t, "image/png", harness.Photo(4, 4)), key...).ExpectStatus(201)
		key = []string{"Idempotency-Key", harness.UniqueName("key"), "Content-Type", harness.FormMediaType}
		anna.Send("POST", messages+"/form", []byte(harness.RawForm(harness.FilePart("a.txt", "first"),
			harness.FieldPart("reply_to", "99"))), key...).ExpectInvalid("reply_to")
		anna.Send("POST", messages+"/form", []byte(inMessage), key...).ExpectStatus(201)
		s.ExpectBlobs(7+2+2, 10)
	})
}
