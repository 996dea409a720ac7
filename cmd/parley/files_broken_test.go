package main

import (
	"bytes"
	"testing"

	"golang.org/x/image/bmp"

	"github.com/parley-chat/parley/models"
)

// TestBrokenPictures uploads pictures that break off after their heads. They are files like any other, and
// pictures in no respect; the next picture has a thumbnail.
func TestBrokenPictures(t *testing.T) {
	play(t, []scenario{{"broken", func(t *testing.T, c *client) {
		anna, bert := c.newcomer("anna"), c.newcomer("bert")
		room := anna.privateRoom(bert)
		var asBMP bytes.Buffer
		if err := bmp.Encode(&asBMP, photo(100, 100)); err != nil {
			t.Fatal(err)
		}
		whole := map[string][]byte{"image/webp": tinyWebP(t), "image/bmp": asBMP.Bytes()}
		for _, mediaType := range []string{"image/jpeg", "image/png", "image/gif"} {
			whole[mediaType] = pictureAs(t, mediaType, photo(100, 100))
		}
		for mediaType, content := range whole {
			for _, cut := range []int{len(content) * 9 / 10, len(content) * 3 / 4, 20} {
				f := anna.upload(room.ID, "broken", mediaType, content[:cut])
				if f.ThumbnailURL != "" || f.Width != 0 || f.Height != 0 {
					t.Errorf("%s: of %d bytes there are %+v", mediaType, cut, f)
				}
				asImage := models.NewMessage{Type: models.MessageImage, FileIDs: []string{f.ID}}
				anna.call("POST", roomPath(room.ID)+"/messages", asImage).problem(422, models.CodeBadFile)
				if m := anna.sendForm(room.ID, part{"file", "broken", mediaType, string(content[:cut])}); m.Type != models.MessageFile {
					t.Errorf("%s: a form with it is of type %s", mediaType, m.Type)
				}
				m := anna.attach(room.ID, f)
				anna.call("GET", "/v1/files/"+f.ID+"/thumbnail", nil).problem(404, models.CodeNotFound)
				if got := get[models.Message](bert, messagePath(m)).Files[0]; got.ThumbnailURL != "" || got.MediaType != mediaType {
					t.Errorf("the message has %+v", got)
				}
				if a := bert.content(f).status(200); !bytes.Equal(a.body, content[:cut]) {
					t.Errorf("%s: it came back as another", mediaType)
				}
			}
		}
		anna.uploadPhoto(room.ID)
	}}})
}
