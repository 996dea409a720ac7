package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"runtime/debug"

	"golang.org/x/image/draw"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/internal/readerror"
)

// maxThumbnail is the maximum width and height of a thumbnail in pixels.
const maxThumbnail = 320

const thumbnailQuality = 80

// ErrUnreadable says that the bytes are not a picture, or one that is too large.
var ErrUnreadable = errors.New("not a readable picture")

// makeThumbnail returns a small copy of the picture in r: upright, and without metadata such as the place where it was
// taken. It is a PNG if it has transparent parts, a JPEG otherwise. The error is ErrUnreadable, or one of r.
func makeThumbnail(r io.ReadSeeker) (small []byte, err error) {
	facts, err := look(r)
	if err != nil {
		return nil, err
	}
	if !facts.Thumbnail {
		return nil, ErrUnreadable
	}
	turn, err := orientationOf(r, facts.MediaType)
	if err != nil {
		return nil, err
	}
	large, err := decode(r)
	if err != nil {
		return nil, err
	}
	defer releaseMemory(facts)
	return encode(turn.apply(scaleDown(large)))
}

// checkDecodes decodes a picture. The error is ErrUnreadable, or one of r.
func checkDecodes(r io.ReadSeeker, facts models.FileFacts) error {
	defer releaseMemory(facts)
	_, err := decode(r)
	return err
}

// releaseMemory returns the memory of a large picture to the system, which the collector would do much later.
func releaseMemory(facts models.FileFacts) {
	if facts.Width*facts.Height > releaseAfter {
		debug.FreeOSMemory()
	}
}

func decode(r io.ReadSeeker) (large image.Image, err error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	from := readerror.Reader{From: r}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the decoder panicked: %v", ErrUnreadable, p)
		}
	}()
	large, _, err = image.Decode(&from)
	if from.Err != nil {
		return nil, from.Err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return large, nil
}

// scaleDown fits a picture into maxThumbnail. A small one keeps its size.
func scaleDown(large image.Image) *image.RGBA {
	from := large.Bounds()
	w, h := from.Dx(), from.Dy()
	if longest := max(w, h); longest > maxThumbnail {
		w, h = max(1, w*maxThumbnail/longest), max(1, h*maxThumbnail/longest)
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.ApproxBiLinear.Scale(small, small.Rect, large, from, draw.Src, nil)
	return small
}

func encode(small *image.RGBA) ([]byte, error) {
	var b bytes.Buffer
	var err error
	if small.Opaque() {
		err = jpeg.Encode(&b, small, &jpeg.Options{Quality: thumbnailQuality})
	} else {
		err = png.Encode(&b, small)
	}
	return b.Bytes(), err
}
