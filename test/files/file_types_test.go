package files

import (
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	htmlPage   = "<!DOCTYPE html>\n<html><body><script>alert(document.cookie)</script></body></html>"
	svgDrawing = `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script></svg>`
	xmlProlog  = `<?xml version="1.0" encoding="UTF-8" standalone="no"?>` + "\n<!-- Drawn by hand -->\n"
	svgDoctype = `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">` +
		"\n"
	gifPolyglot = "GIF89a\x2f\x2a\x00\x01\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02*/=1;" +
		"alert(1)//<script>alert(2)</script>"
	csvTable    = "name,age\nanna,31\n"
	pdfDocument = "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" +
		"1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj"
	flacSound = "fLaC\x00\x00\x00\x22\x10\x00\x10\x00"
	mp4Header = "\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2\x00\x00\x00\x08free"
	oggVorbis = "OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x01\x1e\x01vorbis\x00\x00\x00\x00\x02\x44\xac\x00\x00"
	zipArchive = "PK\x03\x04\x14\x00\x00\x00\x08\x00"
	anyBytes   = "\x00\x01\x02\x03\xfe\xff"
)

// encodePicture encodes a picture in one of the formats of the standard library.
func encodePicture(t testing.TB, mediaType string, p image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch mediaType {
	case "image/png":
		err = png.Encode(&b, p)
	case "image/jpeg":
		err = jpeg.Encode(&b, p, nil)
	case "image/gif":
		err = gif.Encode(&b, p, nil)
	default:
		t.Fatalf("no encoder for %s", mediaType)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// typeCase is a file with its declared media type, the media type that the server must store, and the disposition of
// its download: inline or attachment.
type typeCase struct{ name, content, declared, mediaType, disposition string }

func fileTypeCases(t *testing.T) []typeCase {
	small := harness.Photo(8, 8)
	pngFile, jpegFile := string(encodePicture(t, "image/png", small)), string(encodePicture(t, "image/jpeg", small))
	return []typeCase{
		{"HTML declared as PNG", htmlPage, "image/png", "text/html", "attachment"},
		{"HTML declared as SVG", htmlPage, "image/svg+xml", "text/html", "attachment"},
		{"HTML declared as video", htmlPage, "video/mp4", "text/html", "attachment"},
		{"HTML declared as audio", htmlPage, "audio/mpeg", "text/html", "attachment"},
		{"HTML", htmlPage, "text/html", "text/html", "attachment"},
		{"HTML declared as text", htmlPage, "text/plain", "text/html", "attachment"},
		{"HTML declared as octet stream", htmlPage, harness.OctetStream, "text/html", "attachment"},
		{"HTML without a declared type", htmlPage, "", "text/html", "attachment"},
		{"SVG declared as PNG", svgDrawing, "image/png", "image/svg+xml", "attachment"},
		{"SVG declared as JPEG", xmlProlog + svgDrawing, "image/jpeg", "image/svg+xml", "attachment"},
		{"SVG", svgDrawing, "image/svg+xml", "image/svg+xml", "attachment"},
		{"SVG with a prolog", xmlProlog + svgDrawing, "image/svg+xml", "image/svg+xml", "attachment"},
		{"SVG with a doctype", xmlProlog + svgDoctype + svgDrawing, "image/svg+xml", "image/svg+xml", "attachment"},
		{"SVG declared as octet stream", svgDrawing, harness.OctetStream, "image/svg+xml", "attachment"},
		{"SVG declared as HTML", svgDrawing, "text/html", "image/svg+xml", "attachment"},
		{"a GIF with a script", gifPolyglot, "image/gif", "image/gif", "inline"},
		{"a GIF with a script, declared as HTML", gifPolyglot, "text/html", "image/gif", "inline"},
		{"a GIF with a script, declared as JavaScript", gifPolyglot, "text/javascript", "image/gif", "inline"},
		{"PNG", pngFile, "image/png", "image/png", "inline"},
		{"JPEG declared as PNG", jpegFile, "image/png", "image/jpeg", "inline"},
		{"PNG declared as SVG", pngFile, "image/svg+xml", "image/png", "inline"},
		{"PNG declared in capitals, with a parameter", pngFile, "IMAGE/PNG; charset=utf-8", "image/png", "inline"},
		{"PNG declared as video", pngFile, "video/mp4", "image/png", "inline"},
		{"PNG declared as CSV", pngFile, "text/csv", "image/png", "inline"},
		{"CSV", csvTable, "text/csv", "text/csv", "attachment"},
		{"text with commas", "Dear Anna,\nso long, Bert\n", "text/plain", "text/plain", "attachment"},
		{"CSV declared as octet stream", csvTable, harness.OctetStream, "text/csv", "attachment"},
		{"CSV declared as PNG", csvTable, "image/png", "text/csv", "attachment"},
		{"bytes declared as JPEG", anyBytes, "image/jpeg", harness.OctetStream, "attachment"},
		{
			"bytes declared as an unknown format", anyBytes, "application/vnd.parley.test+bytes",
			"application/vnd.parley.test+bytes", "attachment",
		},
		{"PDF", pdfDocument, "application/pdf", "application/pdf", "attachment"},
		{"PDF declared as PNG", pdfDocument, "image/png", "application/pdf", "attachment"},
		{"FLAC", flacSound, "audio/flac", "audio/flac", "inline"},
		{"MP4", mp4Header, "video/mp4", "video/mp4", "inline"},
		{"MP4 without tracks, declared as audio", mp4Header, "audio/mp4", "audio/mp4", "inline"},
		{"Ogg audio declared as video", oggVorbis, "video/ogg", "audio/ogg", "inline"},
		{"FLAC declared as PNG", flacSound, "image/png", "audio/flac", "inline"},
		{
			"a ZIP archive declared as OpenDocument", zipArchive, "application/vnd.oasis.opendocument.text",
			"application/vnd.oasis.opendocument.text", "attachment",
		},
		{"a malformed type", htmlPage, "image", "text/html", "attachment"},
		{"an empty type and subtype", htmlPage, "/", "text/html", "attachment"},
		{"a wildcard type", htmlPage, "*/*", "text/html", "attachment"},
		{"a type followed by HTML", htmlPage, "text/plain\"><script>", "text/html", "attachment"},
		{"a very long type", htmlPage, "text/" + strings.Repeat("x", 10_000), "text/html", "attachment"},
	}
}

// TestFileTypesAreDetected uploads files with a right and with a wrong declared type. Content that a browser could run
// as a page of the server's origin is never served inline, and inline content is sandboxed.
func TestFileTypesAreDetected(t *testing.T) {
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna := s.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		kept := int64(0)
		for _, f := range slices.Concat(fileTypeCases(t), mediaTypeCases()) {
			raw := anna.Send("POST", harness.RoomPath(room.ID)+"/files", []byte(f.content), "Content-Type", f.declared)
			body, mediaType := harness.EncodeForm(t,
				harness.FormPart{Field: "file", Name: "x", MediaType: f.declared, Content: f.content})
			inForm := anna.Send("POST", harness.RoomPath(room.ID)+"/files", body, "Content-Type", mediaType)
			for _, a := range []*harness.Response{raw, inForm} {
				kept++
				expectFileType(anna, a, f)
			}
		}
		harness.Eventually(t, "no other blobs are in the folder",
			func() bool { return int64(len(harness.BlobPaths(t, s.Folder))) <= 2*kept })
		if files := harness.QueryCount(t, s.Database, "SELECT count(*) FROM files"); files != kept {
			t.Errorf("got %d files, want %d", files, kept)
		}
	})
}

func expectFileType(c *harness.Client, uploaded *harness.Response, want typeCase) {
	c.T.Helper()
	var f models.File
	uploaded.ExpectStatus(201).Decode(&f)
	if f.MediaType != want.mediaType {
		c.T.Errorf("%s: the media type is %s, want %s", want.name, f.MediaType, want.mediaType)
	}
	for query, disposition := range map[string]string{"": want.disposition, "?download=0": want.disposition,
		"?download=1": "attachment"} {
		a := c.Call("GET", f.URL+query, nil).ExpectStatus(200)
		if string(a.Body) != want.content {
			c.T.Errorf("%s: the downloaded bytes differ from the uploaded ones", want.name)
		}
		for name, value := range map[string]string{
			"Content-Type": want.mediaType, "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox",
			"Cross-Origin-Resource-Policy": "same-site", "Cache-Control": "private, no-cache",
		} {
			if got := a.HTTP.Header[name]; len(got) != 1 || got[0] != value {
				c.T.Errorf("%s%s: %s is %q, want %q", want.name, query, name, got, value)
			}
		}
		if got := a.Header("Content-Disposition"); !strings.HasPrefix(got, disposition+";") {
			c.T.Errorf("%s%s: Content-Disposition is %q, want %s", want.name, query, got, disposition)
		}
	}
}
