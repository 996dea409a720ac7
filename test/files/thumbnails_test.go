package files

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"testing"

	"golang.org/x/image/bmp"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestThumbnails checks the thumbnails of pictures of all formats and sizes.
func TestThumbnails(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "formats and sizes", Run: testPictureFormats}, {Name: "transparent pictures", Run: testTransparentPictures},
		{Name: "thumbnails in events", Run: testThumbnailsInEvents},
	})
}

// tinyWebP returns a WebP picture of one pixel. The standard library has no encoder for WebP.
func tinyWebP(t testing.TB) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testPictureFormats(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	var asBMP bytes.Buffer
	if err := bmp.Encode(&asBMP, fourColours(400, 200, displayedCorners)); err != nil {
		t.Fatal(err)
	}
	encodedAs := func(mediaType string, w, h int) []byte {
		return encodePicture(t, mediaType, fourColours(w, h, displayedCorners))
	}
	for _, p := range []struct {
		name, mediaType string
		content         []byte
		size, small     image.Point
	}{
		{"wide", "image/png", encodedAs("image/png", 1000, 250), image.Pt(1000, 250), image.Pt(320, 80)},
		{"tall", "image/png", encodedAs("image/png", 250, 1000), image.Pt(250, 1000), image.Pt(80, 320)},
		{"very wide", "image/png", encodedAs("image/png", 20000, 8), image.Pt(20000, 8), image.Pt(320, 1)},
		{"square", "image/jpeg", encodedAs("image/jpeg", 640, 640), image.Pt(640, 640), image.Pt(320, 320)},
		{
			"exactly the thumbnail size", "image/jpeg", encodedAs("image/jpeg", 320, 320), image.Pt(320, 320),
			image.Pt(320, 320),
		},
		{"small", "image/jpeg", encodedAs("image/jpeg", 40, 20), image.Pt(40, 20), image.Pt(40, 20)},
		{"one pixel", "image/png", encodedAs("image/png", 1, 1), image.Pt(1, 1), image.Pt(1, 1)},
		{"GIF", "image/gif", encodedAs("image/gif", 400, 200), image.Pt(400, 200), image.Pt(320, 160)},
		{"BMP", "image/bmp", asBMP.Bytes(), image.Pt(400, 200), image.Pt(320, 160)},
		{"WebP", "image/webp", tinyWebP(t), image.Pt(1, 1), image.Pt(1, 1)},
	} {
		f := anna.UploadFile(room.ID, "a", p.mediaType, p.content)
		if f.MediaType != p.mediaType || f.Width != p.size.X || f.Height != p.size.Y {
			t.Errorf("%s: got %+v", p.name, f)
		}
		a := anna.Call("GET", f.ThumbnailURL, nil).ExpectStatus(200)
		small, format, err := image.Decode(bytes.NewReader(a.Body))
		if err != nil || format != "jpeg" || small.Bounds().Size() != p.small {
			t.Errorf("%s: the thumbnail is a %s of %v, %v", p.name, format, small.Bounds(), err)
		} else if min(p.small.X, p.small.Y) > 8 {
			expectCorners(t, p.name, small, displayedCorners)
		}
	}
}

func testTransparentPictures(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	oneTransparent := corners{{}, red, green, blue}
	p := fourColours(640, 320, oneTransparent)
	paletted := image.NewPaletted(p.Rect, color.Palette{color.RGBA{}, red, green, blue})
	for y := range p.Rect.Dy() {
		for x := range p.Rect.Dx() {
			paletted.Set(x, y, p.At(x, y))
		}
	}
	var asGIF bytes.Buffer
	if err := gif.Encode(&asGIF, paletted, nil); err != nil {
		t.Fatal(err)
	}
	for mediaType, content := range map[string][]byte{"image/png": encodePicture(t, "image/png", p),
		"image/gif": asGIF.Bytes()} {
		f := anna.UploadFile(room.ID, "a", mediaType, content)
		a := anna.Call("GET", f.ThumbnailURL, nil).ExpectStatus(200)
		small, format, err := image.Decode(bytes.NewReader(a.Body))
		if err != nil || format != "png" || a.Header("Content-Type") != "image/png" ||
			small.Bounds().Size() != image.Pt(320, 160) {
			t.Fatalf("%s: the thumbnail is a %s of %v, %v", mediaType, format, small.Bounds(), err)
		}
		if _, _, _, alpha := small.At(40, 20).RGBA(); alpha != 0 {
			t.Errorf("%s: a transparent pixel has the alpha value %d, want 0", mediaType, alpha)
		}
		expectCorners(t, mediaType, small, oneTransparent)
	}
}

// testThumbnailsInEvents: the event has the URL of the thumbnail, although the thumbnail may not exist yet.
func testThumbnailsInEvents(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room := anna.CreatePrivateRoom(bert)
	inRoom, outside := anna.OpenStream(fmt.Sprintf("room=%d", room.ID)), bert.OpenStream("")
	m := sendFiles(anna, room.ID, harness.FormPart{Field: "file", Name: "p.png", MediaType: "image/png",
		Content: string(encodePicture(t, "image/png", harness.Photo(640, 400)))},
		harness.FormPart{Field: "file", Name: "a.txt", MediaType: "text/plain", Content: "hello"})
	var created, notified models.Message
	inRoom.Expect(models.EventPresenceEntered, nil)
	e := inRoom.Expect(models.EventMessageCreated, &created)
	outside.Expect(models.EventMessageNotification, &notified)
	for _, got := range []models.Message{created, notified, m} {
		f := got.Files[0]
		if len(got.Files) != 2 || f != m.Files[0] || f.ThumbnailURL != "/v1/files/"+f.ID+"/thumbnail" || f.Width != 640 ||
			f.Height != 400 {
			t.Errorf("got %+v", got)
		}
		if got.Files[1].ThumbnailURL != "" || got.Files[1].Width != 0 {
			t.Errorf("%+v has a thumbnail", got.Files[1])
		}
	}
	bert.Call("GET", notified.Files[0].ThumbnailURL, nil).ExpectStatus(200)
	if now := harness.Get[models.Message](bert, harness.MessagePath(m)); now.Files[0] != m.Files[0] {
		t.Errorf("after the thumbnail was made, %+v became %+v", m.Files[0], now.Files[0])
	}
	if len(e.Data) > 2000 {
		t.Errorf("the event has %d bytes, want at most 2000", len(e.Data))
	}
}
