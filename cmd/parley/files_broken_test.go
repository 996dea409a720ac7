package main

import (
	"bytes"
	"testing"

	"golang.org/x/image/bmp"

	"github.com/parley-chat/parley/models"
)

// TestBrokenPictures uploads pictures that break off after their heads. They are files like any other; the thumbnail that
// could be hoped for turns out not to be there, and the next picture has one.
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
				m := anna.attach(room.ID, f)
				eventually(t, mediaType+": there is no thumbnail", func() bool {
					return get[models.File](anna, "/v1/files/"+f.ID).ThumbnailURL == ""
				})
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
