package picture

import (
	"bufio"
	"encoding/binary"
	"image"
	"image/color"
	"io"

	"github.com/parley-chat/parley/models/internal/readerror"
)

const (
	// MaxPixels limits the pictures that get a thumbnail.
	MaxPixels = 25_000_000
	// MaxShown limits the pixels of a picture: browsers do not show larger ones.
	MaxShown = 1 << 28
	// MaxDecoded limits the memory that decoding may take, in bytes. One picture is decoded at a time.
	MaxDecoded = 160 << 20
	// After a picture with more pixels than releaseAfter, memory is returned to the system at once.
	releaseAfter = 4_000_000
)

// isDecodable reports whether decoding a picture stays within the limits. It returns only errors of r.
func isDecodable(r io.ReadSeeker, c image.Config, format string) (bool, error) {
	pixels := int64(c.Width) * int64(c.Height)
	if pixels > MaxPixels {
		return false, nil
	}
	each, err := bytesPerPixel(r, c.ColorModel, format)
	return pixels*each <= MaxDecoded, err
}

// bytesPerPixel returns the maximum memory of a decoder per pixel, for the picture and for intermediate data.
func bytesPerPixel(r io.ReadSeeker, model color.Model, format string) (int64, error) {
	switch format {
	case "jpeg":
		progressive, err := isProgressive(r)
		switch {
		case progressive: // all coefficients of three colours are kept until the end, in four bytes each
			return 15, err
		case model == color.YCbCrModel, model == color.GrayModel:
			return 3, err
		}
		return 8, err // of four colours, or of red, green and blue, which are converted
	case "png":
		switch model {
		case color.NRGBA64Model, color.RGBA64Model: // 8, and half as much for the last pass of an interlaced one
			return 12, nil
		case color.NRGBAModel, color.RGBAModel:
			return 6, nil
		}
		return 3, nil
	case "gif":
		return 2, nil
	}
	return 8, nil // a lossless WebP also has transforms
}

// The JPEG markers (ITU-T T.81, table B.1) that end the search for the kind of frame.
const (
	frameMarkers     = 0xC0 // to 0xCF, except three that are not frames
	progressiveFrame = 0xC2
	scanMarker       = 0xDA
	maxSegments      = 1000 // before the frame; a colour profile takes up to 255
)

// isProgressive reports whether a JPEG is progressive; false if it cannot be read.
func isProgressive(r io.ReadSeeker) (bool, error) {
	if _, err := r.Seek(2, io.SeekStart); err != nil { // after the start of the image
		return false, err
	}
	from := readerror.Reader{From: r}
	in := bufio.NewReader(&from)
	for range maxSegments {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err != nil || head[0] != 0xFF {
			return false, from.Err
		}
		for head[1] == 0xFF { // any number of fill bytes may precede a marker
			copy(head[1:], head[2:])
			next, err := in.ReadByte()
			if err != nil {
				return false, from.Err
			}
			head[3] = next
		}
		switch marker := head[1]; {
		case marker == scanMarker:
			return false, nil
		case marker&0xF0 == frameMarkers && marker != 0xC4 && marker != 0xC8 && marker != 0xCC:
			return marker == progressiveFrame || marker == 0xCA, nil
		}
		length := int(binary.BigEndian.Uint16(head[2:])) - 2
		if _, err := in.Discard(max(0, length)); err != nil {
			return false, from.Err
		}
	}
	return true, nil // no software writes such a file; assume the more expensive kind
}
