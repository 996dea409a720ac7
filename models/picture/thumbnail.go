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
)

// MaxThumbnail is the most pixels that a thumbnail is wide and high.
const MaxThumbnail = 320

const thumbnailQuality = 80

// ErrUnreadable tells that there is no picture in the bytes, or one that is too large.
var ErrUnreadable = errors.New("this is no picture that can be read")

// Thumbnail makes a small picture of the one that r holds: upright, and with nothing of what the file says beside the
// picture, such as where it was taken. It is a PNG when it has transparent parts, a JPEG otherwise. The error is
// ErrUnreadable, or r's own.
func Thumbnail(r io.ReadSeeker) (small []byte, err error) {
	facts, err := Look(r)
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
	defer release(facts)
	return encode(turn.turned(shrink(large)))
}

// check reads a picture through. The error is ErrUnreadable, or r's own.
func check(r io.ReadSeeker, facts models.FileFacts) error {
	defer release(facts)
	_, err := decode(r)
	return err
}

// release gives the memory of a large picture back, or it would be kept until as much again has been asked for.
func release(facts models.FileFacts) {
	if facts.Width*facts.Height > releaseAfter {
		debug.FreeOSMemory()
	}
}

func decode(r io.ReadSeeker) (large image.Image, err error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	from := source{r: r}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the decoder panicked: %v", ErrUnreadable, p)
		}
	}()
	large, _, err = image.Decode(&from)
	if from.err != nil {
		return nil, from.err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return large, nil
}

// shrink fits a picture into MaxThumbnail; a small one keeps its size.
func shrink(large image.Image) *image.RGBA {
	from := large.Bounds()
	w, h := from.Dx(), from.Dy()
	if longest := max(w, h); longest > MaxThumbnail {
		w, h = max(1, w*MaxThumbnail/longest), max(1, h*MaxThumbnail/longest)
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
