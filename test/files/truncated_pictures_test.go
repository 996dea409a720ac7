package files

import (
	"bytes"
	"testing"

	"golang.org/x/image/bmp"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestTruncatedPicturesHaveNoThumbnail uploads pictures that end after their header. They are stored like other files,
// and are not treated as pictures. The next complete picture has a thumbnail.
func TestTruncatedPicturesHaveNoThumbnail(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "truncated", Run: func(t *testing.T, c *harness.Client) {
		anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
		room := anna.CreatePrivateRoom(bert)
		var asBMP bytes.Buffer
		if err := bmp.Encode(&asBMP, harness.Photo(100, 100)); err != nil {
			t.Fatal(err)
		}
		whole := map[string][]byte{"image/webp": tinyWebP(t), "image/bmp": asBMP.Bytes()}
		for _, mediaType := range []string{"image/jpeg", "image/png", "image/gif"} {
			whole[mediaType] = encodePicture(t, mediaType, harness.Photo(100, 100))
		}
		for mediaType, content := range whole {
			for _, cut := range []int{len(content) * 9 / 10, len(content) * 3 / 4, 20} {
				f := anna.UploadFile(room.ID, "truncated", mediaType, content[:cut])
				if f.ThumbnailURL != "" || f.Width != 0 || f.Height != 0 {
					t.Errorf("%s: %d bytes of it are stored as %+v, want no thumbnail and no size", mediaType, cut, f)
				}
				asImage := models.NewMessage{Type: models.MessageImage, FileIDs: []string{f.ID}}
				anna.Call("POST", harness.RoomPath(room.ID)+"/messages", asImage).ExpectProblem(422, models.CodeBadFile)
				if m := sendFiles(anna, room.ID, harness.FormPart{Field: "file", Name: "truncated", MediaType: mediaType,
					Content: string(content[:cut])}); m.Type != models.MessageFile {
					t.Errorf("%s: a message form with it has the type %s, want file", mediaType, m.Type)
				}
				m := sendAttached(anna, room.ID, f)
				anna.Call("GET", "/v1/files/"+f.ID+"/thumbnail", nil).ExpectProblem(404, models.CodeNotFound)
				if got := harness.Get[models.Message](bert, harness.MessagePath(m)).Files[0]; got.ThumbnailURL != "" ||
					got.MediaType != mediaType {
					t.Errorf("the message's file is %+v", got)
				}
				if a := bert.Download(f).ExpectStatus(200); !bytes.Equal(a.Body, content[:cut]) {
					t.Errorf("%s: the downloaded bytes differ from the uploaded ones", mediaType)
				}
			}
		}
		uploadPhoto(anna, room.ID)
	}}})
}
