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

func TestPictures(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "of all kinds", Play: testPictureKinds}, {Name: "transparent ones", Play: testTransparent}, {Name: "events have their thumbnails", Play: testPictureEvents},
	})
}

// tinyWebP is a picture of one pixel, which nothing of the standard library writes.
func tinyWebP(t testing.TB) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testPictureKinds(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	var asBMP bytes.Buffer
	if err := bmp.Encode(&asBMP, quarters(400, 200, asShown)); err != nil {
		t.Fatal(err)
	}
	encodedAs := func(mediaType string, w, h int) []byte { return pictureAs(t, mediaType, quarters(w, h, asShown)) }
	for _, p := range []struct {
		what, mediaType string
		content         []byte
		size, small     image.Point
	}{
		{"wide", "image/png", encodedAs("image/png", 1000, 250), image.Pt(1000, 250), image.Pt(320, 80)},
		{"high", "image/png", encodedAs("image/png", 250, 1000), image.Pt(250, 1000), image.Pt(80, 320)},
		{"very wide", "image/png", encodedAs("image/png", 20000, 8), image.Pt(20000, 8), image.Pt(320, 1)},
		{"square", "image/jpeg", encodedAs("image/jpeg", 640, 640), image.Pt(640, 640), image.Pt(320, 320)},
		{"just as large", "image/jpeg", encodedAs("image/jpeg", 320, 320), image.Pt(320, 320), image.Pt(320, 320)},
		{"small", "image/jpeg", encodedAs("image/jpeg", 40, 20), image.Pt(40, 20), image.Pt(40, 20)},
		{"one pixel", "image/png", encodedAs("image/png", 1, 1), image.Pt(1, 1), image.Pt(1, 1)},
		{"GIF", "image/gif", encodedAs("image/gif", 400, 200), image.Pt(400, 200), image.Pt(320, 160)},
		{"BMP", "image/bmp", asBMP.Bytes(), image.Pt(400, 200), image.Pt(320, 160)},
		{"WebP", "image/webp", tinyWebP(t), image.Pt(1, 1), image.Pt(1, 1)},
	} {
		f := anna.UploadFile(room.ID, "a", p.mediaType, p.content)
		if f.MediaType != p.mediaType || f.Width != p.size.X || f.Height != p.size.Y {
			t.Errorf("%s: got %+v", p.what, f)
		}
		a := anna.Call("GET", f.ThumbnailURL, nil).ExpectStatus(200)
		small, format, err := image.Decode(bytes.NewReader(a.Body))
		if err != nil || format != "jpeg" || small.Bounds().Size() != p.small {
			t.Errorf("%s: the thumbnail is a %s of %v, %v", p.what, format, small.Bounds(), err)
		} else if min(p.small.X, p.small.Y) > 8 {
			wantCorners(t, p.what, small, asShown)
		}
	}
}

func testTransparent(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	partly := corners{{}, red, green, blue}
	p := quarters(640, 320, partly)
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
	for mediaType, content := range map[string][]byte{"image/png": pictureAs(t, "image/png", p), "image/gif": asGIF.Bytes()} {
		f := anna.UploadFile(room.ID, "a", mediaType, content)
		a := anna.Call("GET", f.ThumbnailURL, nil).ExpectStatus(200)
		small, format, err := image.Decode(bytes.NewReader(a.Body))
		if err != nil || format != "png" || a.Header("Content-Type") != "image/png" || small.Bounds().Size() != image.Pt(320, 160) {
			t.Fatalf("%s: the thumbnail is a %s of %v, %v", mediaType, format, small.Bounds(), err)
		}
		if _, _, _, alpha := small.At(40, 20).RGBA(); alpha != 0 {
			t.Errorf("%s: what was clear has the alpha %d", mediaType, alpha)
		}
		wantCorners(t, mediaType, small, partly)
	}
}

// testPictureEvents wants the event to name the thumbnail, though it may not be made yet.
func testPictureEvents(t *testing.T, c *harness.Client) {
	anna, bert := c.NewGuest("anna"), c.NewGuest("bert")
	room := anna.CreatePrivateRoom(bert)
	inRoom, elsewhere := anna.OpenStream(fmt.Sprintf("room=%d", room.ID)), bert.OpenStream("")
	m := sendFiles(anna, room.ID, harness.FormPart{Field: "file", Name: "p.png", MediaType: "image/png", Content: string(pictureAs(t, "image/png", harness.Photo(640, 400)))},
		harness.FormPart{Field: "file", Name: "a.txt", MediaType: "text/plain", Content: "hello"})
	var created, notified models.Message
	inRoom.Expect(models.EventPresenceEntered, nil)
	e := inRoom.Expect(models.EventMessageCreated, &created)
	elsewhere.Expect(models.EventMessageNotification, &notified)
	for _, got := range []models.Message{created, notified, m} {
		f := got.Files[0]
		if len(got.Files) != 2 || f != m.Files[0] || f.ThumbnailURL != "/v1/files/"+f.ID+"/thumbnail" || f.Width != 640 || f.Height != 400 {
			t.Errorf("got %+v", got)
		}
		if got.Files[1].ThumbnailURL != "" || got.Files[1].Width != 0 {
			t.Errorf("%+v has a thumbnail", got.Files[1])
		}
	}
	bert.Call("GET", notified.Files[0].ThumbnailURL, nil).ExpectStatus(200)
	if now := harness.Get[models.Message](bert, harness.MessagePath(m)); now.Files[0] != m.Files[0] {
		t.Errorf("when the thumbnail is made, %+v has become %+v", m.Files[0], now.Files[0])
	}
	if len(e.Data) > 2000 {
		t.Errorf("an event has %d bytes", len(e.Data))
	}
}
