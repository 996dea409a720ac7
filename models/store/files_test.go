package store

import (
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
)

// blob reserves a blob and returns it as a new file.
func (h *testStore) blob(key string, size int64) models.NewFile {
	h.t.Helper()
	h.must(h.ReserveBlob(h.t.Context(), key))
	return models.NewFile{Blob: key, Name: key + ".txt", MediaType: "text/plain", Size: size}
}

// TestFileRules adds files, attaches them, and deletes their blobs with their message.
func TestFileRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		h.fileQuota = 100
		ctx := t.Context()
		anna, ben, other := h.user("anna"), h.user("ben"), h.user("other")
		room := h.room("club", models.RoomPrivate, anna, ben)
		_, err := h.MayUpload(ctx, other.ID, pathOf(room), 1, 0)
		h.want(err, models.CodeNotFound)
		_, err = h.MayUpload(ctx, anna.ID, pathOf(room), 101, 0)
		h.want(err, models.CodeTooLarge)
		file, err := h.AddFile(ctx, anna.ID, room.ID, h.blob("one", 60), nil)
		h.must(err)
		_, err = h.AddFile(ctx, anna.ID, room.ID, h.blob("two", 41), nil)
		h.want(err, models.CodeTooLarge)

		_, err = h.File(ctx, ben.ID, file.ID)
		h.want(err, models.CodeNotFound) // no message has it yet
		send := func(user models.User) (int64, error) {
			sent, _, err := h.Send(ctx, user.ID, pathOf(room), models.NewMessage{Type: models.MessageFile,
				FileIDs: []string{file.ID}}, nil)
			return sent.Message.ID, err
		}
		_, err = send(ben)
		h.want(err, models.CodeInvalidRequest) // another user's
		id, err := send(anna)
		h.must(err)
		_, err = send(anna)
		h.want(err, models.CodeInvalidRequest) // another message's
		got, err := h.File(ctx, ben.ID, file.ID)
		h.must(err)
		if got.Blob != "one" {
			t.Errorf("the file is %+v", got)
		}
		_, err = h.File(ctx, other.ID, file.ID)
		h.want(err, models.CodeNotFound)

		_, err = h.DeleteMessage(ctx, anna.ID, pathOf(room), id, models.Condition{})
		h.must(err)
		_, err = h.File(ctx, ben.ID, file.ID)
		h.want(err, models.CodeNotFound)
		due, err := h.DueBlobs(ctx, 10)
		h.must(err)
		if !slices.Equal(due, []string{"one"}) { // "two" is leased to its writer still
			t.Errorf("%v are to be deleted", due)
		}
		h.must(h.ForgetBlobs(ctx, due))
	})
}

// TestUploadRules holds an upload by one writer at a time, and finishes it once.
func TestUploadRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna, ben := h.user("anna"), h.user("ben")
		room := h.room("talk", models.RoomPublic, anna, ben)
		u, err := h.BeginUpload(ctx, anna.ID, models.Upload{RoomID: room.ID, Name: "a.txt", MediaType: "text/plain",
			Size: 5}, nil)
		h.must(err)
		_, err = h.Upload(ctx, ben.ID, u.ID)
		h.want(err, models.CodeNotFound)
		hold := func(writer string) bool {
			t.Helper()
			_, held, err := h.HoldUpload(ctx, anna.ID, u.ID, writer)
			h.must(err)
			return held
		}
		if !hold("first") || hold("second") {
			t.Error("the upload is held by two writers or by none")
		}
		h.want(h.RenewUpload(ctx, u.ID, "second"), models.CodeUploadConflict)
		h.must(h.KeepUpload(ctx, u.ID, "first", 3, false))
		h.must(h.ReleaseUpload(ctx, u.ID, "first"))
		if got, err := h.Upload(ctx, anna.ID, u.ID); err != nil || got.Offset != 3 {
			t.Errorf("the upload has %d bytes, %v", got.Offset, err)
		}
		if !hold("second") {
			t.Error("a released upload is held by nobody")
		}
		n := models.NewFile{Blob: u.Blob, Name: u.Name, MediaType: u.MediaType, Size: u.Size}
		_, err = h.FinishUpload(ctx, anna.ID, u.ID, "first", n)
		h.want(err, models.CodeUploadConflict)
		file, err := h.FinishUpload(ctx, anna.ID, u.ID, "second", n)
		h.must(err)
		if got, err := h.Upload(ctx, anna.ID, u.ID); err != nil || got.FileID != file.ID {
			t.Errorf("the finished upload is %+v, %v", got, err)
		}
		_, err = h.FinishUpload(ctx, anna.ID, u.ID, "second", n)
		h.want(err, models.CodeUploadConflict)

		dropped, err := h.BeginUpload(ctx, anna.ID, models.Upload{RoomID: room.ID, Name: "b.txt", Size: 5}, nil)
		h.must(err)
		_, _, err = h.HoldUpload(ctx, anna.ID, dropped.ID, "w")
		h.must(err)
		h.must(h.DropUpload(ctx, dropped.ID, "w"))
		_, err = h.Upload(ctx, anna.ID, dropped.ID)
		h.want(err, models.CodeExpired)
	})
}
