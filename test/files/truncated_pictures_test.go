package files

import (
	"bytes"
	"testing"

	"golang.org/x/image/bmp"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestBrokenPictures uploads pictures that break off after their heads. They are files like any other, and
// pictures in no respect; the next picture has a thumbnail.
func TestBrokenPictures(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "broken", Play: func(t *testing.T, c *harness.Client) {
		anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
		room := anna.CreatePrivateRoom(bert)
		var asBMP bytes.Buffer
		if err := bmp.Encode(&asBMP, harness.Photo(100, 100)); err != nil {
			t.Fatal(err)
		}
		whole := map[string][]byte{"image/webp": tinyWebP(t), "image/bmp": asBMP.Bytes()}
		for _, mediaType := range []string{"image/jpeg", "image/png", "image/gif"} {
			whole[mediaType] = pictureAs(t, mediaType, harness.Photo(100, 100))
		}
		for mediaType, content := range whole {
			for _, cut := range []int{len(content) * 9 / 10, len(content) * 3 / 4, 20} {
				f := anna.UploadFile(room.ID, "broken", mediaType, content[:cut])
				if f.ThumbnailURL != "" || f.Width != 0 || f.Height != 0 {
					t.Errorf("%s: of %d bytes there are %+v", mediaType, cut, f)
				}
				asImage := models.NewMessage{Type: models.MessageImage, FileIDs: []string{f.ID}}
				anna.Call("POST", harness.RoomPath(room.ID)+"/messages", asImage).ExpectProblem(422, models.CodeBadFile)
				if m := sendFiles(anna, room.ID, harness.FormPart{Field: "file", Name: "broken", MediaType: mediaType, Content: string(content[:cut])}); m.Type != models.MessageFile {
					t.Errorf("%s: a form with it is of type %s", mediaType, m.Type)
				}
				m := sendAttached(anna, room.ID, f)
				anna.Call("GET", "/v1/files/"+f.ID+"/thumbnail", nil).ExpectProblem(404, models.CodeNotFound)
				if got := harness.Get[models.Message](bert, harness.MessagePath(m)).Files[0]; got.ThumbnailURL != "" || got.MediaType != mediaType {
					t.Errorf("the message has %+v", got)
				}
				if a := bert.Download(f).ExpectStatus(200); !bytes.Equal(a.Body, content[:cut]) {
					t.Errorf("%s: it came back as another", mediaType)
				}
			}
		}
		uploadPhoto(anna, room.ID)
	}}})
}
