package files

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

// photoLocation is the location in the EXIF data of the pictures of these tests.
const photoLocation = "at the harbour, 48.2082 N 16.3738 E"

// withEXIF returns the JPEG with an EXIF segment after its first marker: orientation and location.
func withEXIF(photo []byte, order binary.AppendByteOrder, orientation uint16) []byte {
	// TIFF: the header, at 8 the first directory with two entries, at 38 the GPS directory with one entry, at 56 its
	// value.
	mark := "II"
	if order.String() == "BigEndian" {
		mark = "MM"
	}
	tiff := order.AppendUint16([]byte(mark), 42)
	tiff = order.AppendUint32(tiff, 8)
	entry := func(tag, kind uint16, count, value uint32) {
		tiff = order.AppendUint32(order.AppendUint16(order.AppendUint16(tiff, tag), kind), count)
		if kind == 3 { // a SHORT is at the start of its four bytes
			tiff = append(order.AppendUint16(tiff, uint16(value)), 0, 0)
		} else {
			tiff = order.AppendUint32(tiff, value)
		}
	}
	tiff = order.AppendUint16(tiff, 2)
	entry(0x0112, 3, 1, uint32(orientation))
	entry(0x8825, 4, 1, 38) // offset of the GPS directory
	tiff = order.AppendUint32(tiff, 0)
	tiff = order.AppendUint16(tiff, 1)
	entry(0x001B, 7, uint32(len(photoLocation)), 56) // GPSProcessingMethod
	tiff = append(order.AppendUint32(tiff, 0), photoLocation...)

	segment := append([]byte("Exif\x00\x00"), tiff...)
	head := binary.BigEndian.AppendUint16([]byte{0xFF, 0xD8, 0xFF, 0xE1}, uint16(len(segment)+2))
	return append(append(head, segment...), photo[2:]...)
}

// corners are the colours of a picture: top left, top right, bottom left, bottom right.
type corners [4]color.RGBA

var (
	red, green       = color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}
	blue, yellow     = color.RGBA{0, 0, 255, 255}, color.RGBA{255, 255, 0, 255}
	displayedCorners = corners{red, green, blue, yellow}
)

// storedCorners are the corners of the pixels in the file for each orientation of CIPA DC-008. The comments name the
// side of the displayed picture that is the first row, and the one that is the first column.
var storedCorners = map[uint16]corners{
	1: {red, green, blue, yellow}, // top, left
	2: {green, red, yellow, blue}, // top, right
	3: {yellow, blue, green, red}, // bottom, right
	4: {blue, yellow, red, green}, // bottom, left
	5: {red, blue, green, yellow}, // left, top
	6: {green, yellow, red, blue}, // right, top
	7: {yellow, green, blue, red}, // right, bottom
	8: {blue, red, yellow, green}, // left, bottom
}

// fourColours returns a picture with one colour in each quarter.
func fourColours(w, h int, c corners) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			p.SetRGBA(x, y, c[2*(2*y/h)+2*x/w])
		}
	}
	return p
}

// expectCorners checks the four colours of a picture, with a tolerance for lossy compression.
func expectCorners(t *testing.T, name string, p image.Image, want corners) {
	t.Helper()
	b := p.Bounds()
	for i, c := range want {
		x, y := b.Dx()/8+(i%2)*b.Dx()*3/4, b.Dy()/8+(i/2)*b.Dy()*3/4
		r, g, bl, _ := p.At(b.Min.X+x, b.Min.Y+y).RGBA()
		for _, part := range [][2]int{{int(r >> 8), int(c.R)}, {int(g >> 8), int(c.G)}, {int(bl >> 8), int(c.B)}} {
			if d := part[0] - part[1]; d < -60 || d > 60 {
				t.Errorf("%s: the pixel at %d, %d is %v, want %v", name, x, y, p.At(x, y), c)
				break
			}
		}
	}
}

// TestThumbnailsFollowOrientation uploads the same picture in each EXIF orientation. Its width and height and its
// thumbnail are those of the picture as displayed, and the thumbnail does not contain the location.
func TestThumbnailsFollowOrientation(t *testing.T) {
	harness.SkipIfShort(t)
	harness.RunScenarios(t, []harness.Scenario{{Name: "orientations", Run: func(t *testing.T, c *harness.Client) {
		anna := c.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			for n := range uint16(10) {
				stored, known := storedCorners[n]
				if !known {
					stored = storedCorners[1] // other values are no orientation: displayed as stored
				}
				w, h := 640, 320
				if n >= 5 && n <= 8 {
					w, h = h, w
				}
				content := withEXIF(encodePicture(t, "image/jpeg", fourColours(w, h, stored)), order, n)
				expectOriented(anna, room.ID, fmt.Sprintf("%v, orientation %d", order, n), content)
			}
		}
	}}})
}

func expectOriented(c *harness.Client, roomID int64, name string, content []byte) {
	c.T.Helper()
	f := c.UploadFile(roomID, "photo.jpg", "image/jpeg", content)
	if f.Width != 640 || f.Height != 320 {
		c.T.Errorf("%s: got %d × %d, want 640 × 320", name, f.Width, f.Height)
	}
	small := c.Call("GET", f.ThumbnailURL, nil).ExpectStatus(200)
	p, err := jpeg.Decode(bytes.NewReader(small.Body))
	if err != nil || p.Bounds().Dx() != 320 || p.Bounds().Dy() != 160 {
		c.T.Fatalf("%s: the thumbnail has the bounds %v, %v", name, p.Bounds(), err)
	}
	expectCorners(c.T.(*testing.T), name, p, displayedCorners)
	if bytes.Contains(small.Body, []byte("Exif")) || bytes.Contains(small.Body, []byte(photoLocation)) {
		c.T.Errorf("%s: the thumbnail contains EXIF data", name)
	}
	if whole := c.Download(f).ExpectStatus(200); !bytes.Equal(whole.Body, content) ||
		!bytes.Contains(whole.Body, []byte(photoLocation)) {
		c.T.Errorf("%s: the original file was changed", name)
	}
}
