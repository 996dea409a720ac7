package picture

import (
	"bytes"
	"encoding/xml"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// svgType is the media type of SVG.
const svgType = "image/svg+xml"

// maxProlog is the maximum offset of the svg element in a file, in bytes.
const maxProlog = 64 << 10

// isSVG reports whether r is XML with the root element svg, in any Unicode encoding. It returns only errors of r.
func isSVG(r io.ReadSeeker) (bool, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	head, err := io.ReadAll(io.LimitReader(r, maxProlog))
	if err != nil {
		return false, err
	}
	return startsWithSVG(head), nil
}

func startsWithSVG(head []byte) bool {
	head, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), head)
	if err != nil {
		return false
	}
	d := xml.NewDecoder(bytes.NewReader(bytes.ToValidUTF8(head, []byte("?"))))
	d.Strict = false // entities of the prolog are not resolved
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
