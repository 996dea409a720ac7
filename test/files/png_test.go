package files

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// pngChunk is a part of a PNG.
func pngChunk(kind string, data []byte) []byte {
	c := append([]byte(kind), data...)
	sum := crc32.ChecksumIEEE(c)
	return binary.BigEndian.AppendUint32(append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), c...), sum)
}

// flatPNG is a picture of one colour and one bit for each pixel: huge when it is decoded, and small until then. Of its
// rows only some are there.
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
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", head), pngChunk("IDAT", packed.Bytes()), pngChunk("IEND", nil)}, nil)
}
