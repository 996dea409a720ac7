package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"
)

// progressiveHead is the beginning of a JPEG of w × h pixels with a progressive frame, after an APP segment and fill bytes.
func progressiveHead(w, h int) []byte {
	return bytes.Join([][]byte{
		{0xFF, 0xD8, 0xFF, 0xE0, 0, 16}, []byte("JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
		{0xFF, 0xFF, 0xFF, 0xC2, 0, 17, 8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0},
	}, nil)
}

func pngOf(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestWhatDecodingTakes holds pictures against the memory that decoding them takes, not against their pixels alone.
func TestWhatDecodingTakes(t *testing.T) {
	deep := image.NewNRGBA64(image.Rect(0, 0, 5000, 4000))
	deep.Set(1, 1, color.NRGBA64{R: 1, A: 2})
	for _, c := range []struct {
		what    string
		content []byte
		may     bool
	}{
		{"24 million pixels of a camera", jpegOf(t, 6000, 4000), true},
		{"27 million", jpegOf(t, 6000, 4500), false},
		{"10 million in a progressive JPEG", progressiveHead(4000, 2500), true},
		{"12 million in a progressive JPEG", progressiveHead(4000, 3000), false},
		{"25 million of 8 bits", pngOf(t, image.NewNRGBA(image.Rect(0, 0, 5000, 5000))), true},
		{"20 million of 16 bits", pngOf(t, deep), false},
	} {
		facts, err := Look(bytes.NewReader(c.content))
		if err != nil || facts.Width == 0 || facts.Thumbnail != c.may {
			t.Errorf("%s: %+v, %v", c.what, facts, err)
		}
	}
}
