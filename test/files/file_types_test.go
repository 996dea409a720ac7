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
	page     = "<!DOCTYPE html>\n<html><body><script>alert(document.cookie)</script></body></html>"
	drawing  = `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script></svg>`
	prolog   = `<?xml version="1.0" encoding="UTF-8" standalone="no"?>` + "\n<!-- Drawn by hand -->\n"
	doctype  = `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">` + "\n"
	polyglot = "GIF89a\x2f\x2a\x00\x01\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02*/=1;alert(1)//<script>alert(2)</script>"
	csvTable = "name,age\nanna,31\n"
	portable = "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj"
	sound    = "fLaC\x00\x00\x00\x22\x10\x00\x10\x00"
	mp4      = "\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2\x00\x00\x00\x08free"
	ogg      = "OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x1e\x01vorbis\x00\x00\x00\x00\x02\x44\xac\x00\x00"
	archive  = "PK\x03\x04\x14\x00\x00\x00\x08\x00"
	anyBytes = "\x00\x01\x02\x03\xfe\xff"
)

// pictureAs is a picture in one of the formats of the standard library.
func pictureAs(t testing.TB, mediaType string, p image.Image) []byte {
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
		t.Fatalf("nothing here encodes %s", mediaType)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// typed is a file, what its client says that it is, and what becomes of it: another media type, and whether a browser
// may show it.
type typed struct{ what, content, said, mediaType, how string }

func typedFiles(t *testing.T) []typed {
	small := harness.Photo(8, 8)
	pngFile, jpegFile := string(pictureAs(t, "image/png", small)), string(pictureAs(t, "image/jpeg", small))
	return []typed{
		{"a page as a picture", page, "image/png", "text/html", "attachment"},
		{"a page as a drawing", page, "image/svg+xml", "text/html", "attachment"},
		{"a page as a film", page, "video/mp4", "text/html", "attachment"},
		{"a page as a sound", page, "audio/mpeg", "text/html", "attachment"},
		{"a page as itself", page, "text/html", "text/html", "attachment"},
		{"a page as text", page, "text/plain", "text/html", "attachment"},
		{"a page as anything", page, harness.OctetStream, "text/html", "attachment"},
		{"a page as nothing", page, "", "text/html", "attachment"},
		{"a drawing as a picture", drawing, "image/png", "image/svg+xml", "attachment"},
		{"a drawing as a photo", prolog + drawing, "image/jpeg", "image/svg+xml", "attachment"},
		{"a drawing as itself", drawing, "image/svg+xml", "image/svg+xml", "attachment"},
		{"a drawing with a prolog", prolog + drawing, "image/svg+xml", "image/svg+xml", "attachment"},
		{"a drawing with a doctype", prolog + doctype + drawing, "image/svg+xml", "image/svg+xml", "attachment"},
		{"a drawing as anything", drawing, harness.OctetStream, "image/svg+xml", "attachment"},
		{"a drawing as a page", drawing, "text/html", "image/svg+xml", "attachment"},
		{"a picture with a script", polyglot, "image/gif", "image/gif", "inline"},
		{"a picture with a script, as a page", polyglot, "text/html", "image/gif", "inline"},
		{"a picture with a script, as a script", polyglot, "text/javascript", "image/gif", "inline"},
		{"a picture", pngFile, "image/png", "image/png", "inline"},
		{"a picture as another", jpegFile, "image/png", "image/jpeg", "inline"},
		{"a picture as a drawing", pngFile, "image/svg+xml", "image/png", "inline"},
		{"a picture in capitals, with a parameter", pngFile, "IMAGE/PNG; charset=utf-8", "image/png", "inline"},
		{"a picture as a film", pngFile, "video/mp4", "image/png", "inline"},
		{"a picture as a table", pngFile, "text/csv", "image/png", "inline"},
		{"a table", csvTable, "text/csv", "text/csv", "attachment"},
		{"a letter with commas", "Dear Anna,\nso long, Bert\n", "text/plain", "text/plain", "attachment"},
		{"a table as anything", csvTable, harness.OctetStream, "text/csv", "attachment"},
		{"a table as a picture", csvTable, "image/png", "text/csv", "attachment"},
		{"bytes as a picture", anyBytes, "image/jpeg", harness.OctetStream, "attachment"},
		{"bytes as a format of one's own", anyBytes, "application/vnd.parley.test+bytes", "application/vnd.parley.test+bytes", "attachment"},
		{"a document", portable, "application/pdf", "application/pdf", "attachment"},
		{"a document as a picture", portable, "image/png", "application/pdf", "attachment"},
		{"a sound", sound, "audio/flac", "audio/flac", "inline"},
		{"a film", mp4, "video/mp4", "video/mp4", "inline"},
		{"a sound in a container for both, which does not say", mp4, "audio/mp4", "audio/mp4", "inline"},
		{"a sound as a film, likewise", ogg, "video/ogg", "audio/ogg", "inline"},
		{"a sound as a picture", sound, "image/png", "audio/flac", "inline"},
		{"an archive as a format that is one", archive, "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text", "attachment"},
		{"a malformed type", page, "image", "text/html", "attachment"},
		{"another", page, "/", "text/html", "attachment"},
		{"any type", page, "*/*", "text/html", "attachment"},
		{"a type with a tail", page, "text/plain\"><script>", "text/html", "attachment"},
		{"an endless type", page, "text/" + strings.Repeat("x", 10_000), "text/html", "attachment"},
	}
}

// TestFileTypes sends files that are what they say, and files that are not. What a browser could run as a page of the
// server's own is never shown, and nothing that is shown runs.
func TestFileTypes(t *testing.T) {
	onEachFileServer(t, func(t *testing.T, s *harness.FileServer) {
		anna := s.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		kept := int64(0)
		for _, f := range slices.Concat(typedFiles(t), typedMedia()) {
			raw := anna.Send("POST", harness.RoomPath(room.ID)+"/files", []byte(f.content), "Content-Type", f.said)
			body, mediaType := harness.EncodeForm(t, harness.FormPart{Field: "file", Name: "x", MediaType: f.said, Content: f.content})
			inForm := anna.Send("POST", harness.RoomPath(room.ID)+"/files", body, "Content-Type", mediaType)
			for _, a := range []*harness.Response{raw, inForm} {
				kept++
				expectTyped(anna, a, f)
			}
		}
		harness.Eventually(t, "nothing else is there", func() bool { return int64(len(harness.BlobPaths(t, s.Folder))) <= 2*kept })
		if files := harness.QueryCount(t, s.Database, "SELECT count(*) FROM files"); files != kept {
			t.Errorf("there are %d files, wanted %d", files, kept)
		}
	})
}

func expectTyped(c *harness.Client, uploaded *harness.Response, want typed) {
	c.T.Helper()
	var f models.File
	uploaded.ExpectStatus(201).Decode(&f)
	if f.MediaType != want.mediaType {
		c.T.Errorf("%s is %s, wanted %s", want.what, f.MediaType, want.mediaType)
	}
	for query, how := range map[string]string{"": want.how, "?download=0": want.how, "?download=1": "attachment"} {
		a := c.Call("GET", f.URL+query, nil).ExpectStatus(200)
		if string(a.Body) != want.content {
			c.T.Errorf("%s came back as another", want.what)
		}
		for name, value := range map[string]string{
			"Content-Type": want.mediaType, "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox",
			"Cross-Origin-Resource-Policy": "same-site", "Cache-Control": "private, no-cache",
		} {
			if got := a.HTTP.Header[name]; len(got) != 1 || got[0] != value {
				c.T.Errorf("%s%s: %s is %q, wanted %q", want.what, query, name, got, value)
			}
		}
		if got := a.Header("Content-Disposition"); !strings.HasPrefix(got, how+";") {
			c.T.Errorf("%s%s: Content-Disposition is %q, wanted %s", want.what, query, got, how)
		}
	}
}
