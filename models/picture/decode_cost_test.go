package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// jpegHead returns the start of a JPEG of w × h pixels, with an APP segment and fill bytes before the frame.
func jpegHead(w, h int, frame byte) []byte {
	return bytes.Join([][]byte{
		{0xFF, 0xD8, 0xFF, 0xE0, 0, 16}, []byte("JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
		{
			0xFF, 0xFF, 0xFF, frame, 0, 17, 8, byte(h >> 8), byte(h), byte(w >> 8), byte(w),
			3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0,
		},
		{0xFF, 0xDA},
	}, nil)
}

// pngHead returns the start of a PNG of w × h pixels with transparency.
func pngHead(w, h uint32, bits byte) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), w), h)
	head = append(head, bits, 6, 0, 0, 0)
	return bytes.Join([][]byte{
		[]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), head, binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(head)),
	}, nil)
}

// TestPicturesAreLimitedByDecodingMemory checks that pictures are limited by the memory that decoding takes, not only
// by their pixels.
func TestPicturesAreLimitedByDecodingMemory(t *testing.T) {
	const baseline, progressive = 0xC0, 0xC2
	for _, c := range []struct {
		what    string
		content []byte
		may     bool
	}{
		{"24 million pixels of a camera", jpegHead(6000, 4000, baseline), true},
		{"27 million", jpegHead(6000, 4500, baseline), false},
		{"10 million in a progressive JPEG", jpegHead(4000, 2500, progressive), true},
		{"12 million in a progressive JPEG", jpegHead(4000, 3000, progressive), false},
		{"25 million of 8 bits", pngHead(5000, 5000, 8), true},
		{"20 million of 16 bits", pngHead(5000, 4000, 16), false},
	} {
		facts, err := look(bytes.NewReader(c.content))
		if err != nil || facts.Width == 0 || facts.Thumbnail != c.may {
			t.Errorf("%s: %+v, %v", c.what, facts, err)
		}
	}
}
