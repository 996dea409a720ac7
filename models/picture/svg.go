package picture

import (
	"bytes"
	"encoding/xml"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// drawing is the media type of SVG.
const drawing = "image/svg+xml"

// longestProlog is how far into a file the root of a drawing may be, in bytes.
const longestProlog = 64 << 10

// isDrawing reports whether r holds XML whose root is svg, whatever stands before it and in whichever Unicode encoding.
// An error is r's own.
func isDrawing(r io.ReadSeeker) (bool, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	head, err := io.ReadAll(io.LimitReader(r, longestProlog))
	if err != nil {
		return false, err
	}
	return beginsDrawing(head), nil
}

func beginsDrawing(head []byte) bool {
	head, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), head)
	if err != nil {
		return false
	}
	d := xml.NewDecoder(bytes.NewReader(bytes.ToValidUTF8(head, []byte("?"))))
	d.Strict = false // entities of the prolog are not looked up
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch t := token.(type) {
		case xml.StartElement:
			return t.Name.Local == "svg"
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return false
			}
		}
	}
}
