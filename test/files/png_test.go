package files

import (
	"bytes"
	"compress/flate"
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
	packed := deflatedZeros(t, rows*(1+(w+7)/8))
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", head), pngChunk("IDAT", packed),
		pngChunk("IEND", nil)}, nil)
}

// deflatedZeros returns n zeros in the format of zlib (RFC 1950). It compresses a megabyte once and repeats that, which
// takes a fraction of the time.
func deflatedZeros(t testing.TB, n int) []byte {
	t.Helper()
	const each = 1 << 20
	deflate := func(size int, end func(*flate.Writer) error) []byte {
		var block bytes.Buffer
		w, err := flate.NewWriter(&block, flate.BestCompression)
		if err == nil {
			_, err = w.Write(make([]byte, size))
		}
		if err == nil {
			err = end(w)
		}
		if err != nil {
			t.Fatal(err)
		}
		return block.Bytes()
	}
	packed := []byte{0x78, 0xda}
	packed = append(packed, bytes.Repeat(deflate(each, (*flate.Writer).Flush), n/each)...)
	packed = append(packed, deflate(n%each, (*flate.Writer).Close)...)
	const modulus = 65521 // of Adler-32, whose low half stays 1 for zeros and whose high half counts them
	return binary.BigEndian.AppendUint32(packed, uint32(n%modulus)<<16|1)
}
