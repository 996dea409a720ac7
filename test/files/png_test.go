package files

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// pngChunk returns a chunk of a PNG.
func pngChunk(kind string, data []byte) []byte {
	c := append([]byte(kind), data...)
	sum := crc32.ChecksumIEEE(c)
	return binary.BigEndian.AppendUint32(append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), c...), sum)
}

// flatPNG returns a PNG of one colour with one bit for each pixel: a small file that is huge when decoded. Its header
// declares h rows, of which only rows are present.
func flatPNG(t testing.TB, w, h, rows int) []byte {
	t.Helper()
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	head = append(head, 1, 0, 0, 0, 0) // one bit, grey
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	row := make([]byte, 1+(w+7)/8)
	for range rows {
		if _, err := z.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", head), pngChunk("IDAT", packed.Bytes()),
		pngChunk("IEND", nil)}, nil)
}
