package files

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestDownloads: ranges, conditional requests and HEAD of file contents follow RFC 9110, and thumbnails have the
// same protections.
func TestDownloads(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "ranges", Run: testRanges}, {Name: "multiple ranges", Run: testMultipleRanges},
		{Name: "unsatisfiable ranges", Run: testUnsatisfiableRanges},
		{Name: "conditional requests", Run: testConditionalRequests}, {Name: "HEAD requests", Run: testHeadRequests},
		{Name: "thumbnails", Run: testThumbnailHeaders},
	})
}

const alphabet = "abcdefghijklmnopqrstuvwxyz"

func uploadAlphabet(c *harness.Client) models.File {
	c.T.Helper()
	return c.UploadFile(c.CreatePrivateRoom().ID, "alphabet.txt", "text/plain", []byte(alphabet))
}

func testRanges(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	f := uploadAlphabet(anna)
	whole := anna.Download(f).ExpectStatus(200)
	if whole.Header("Accept-Ranges") != "bytes" || whole.Header("ETag") != `"`+f.SHA256+`"` ||
		whole.Header("Content-Length") != "26" {
		t.Errorf("the headers are %v", whole.HTTP.Header)
	}
	for _, r := range []struct{ header, got, contentRange string }{
		{"bytes=0-4", "abcde", "0-4"},
		{"bytes=0-0", "a", "0-0"},
		{"bytes=10-12", "klm", "10-12"},
		{"bytes=20-", "uvwxyz", "20-25"},
		{"bytes=-3", "xyz", "23-25"},
		{"bytes=25-25", "z", "25-25"},
		{"bytes=20-99999999999", "uvwxyz", "20-25"},
		{"bytes=-99999999999", alphabet, "0-25"},
		{"bytes=-0,-3", "xyz", "23-25"},
		{"bytes=-3, -000", "xyz", "23-25"},
		{"bytes=24-99,50-60", "yz", "24-25"},
	} {
		a := anna.Download(f, "Range", r.header).ExpectStatus(206)
		if string(a.Body) != r.got || a.Header("Content-Range") != "bytes "+r.contentRange+"/26" {
			t.Errorf("%s: got %q as %q", r.header, a.Body, a.Header("Content-Range"))
		}
		for _, name := range []string{"ETag", "Content-Type", "Content-Disposition", "Content-Security-Policy",
			"X-Content-Type-Options", "Cache-Control"} {
			if got := a.Header(name); got == "" || got != whole.Header(name) {
				t.Errorf("%s: %s is %q, for the whole file %q", r.header, name, got, whole.Header(name))
			}
		}
	}
	// The whole file is returned when If-Range does not match, and when Range is not a range of bytes.
	for _, headers := range [][]string{
		{"Range", "bytes=0-4", "If-Range", `"another"`}, {"Range", "bytes=0-4", "If-Range", `W/"` + f.SHA256 + `"`},
		{"Range", "bytes=0-4", "If-Range", "Mon, 02 Jan 2006 15:04:05 GMT"}, {"Range", "letters=0-4"}, {"Range", "0-4"},
	} {
		if a := anna.Download(f, headers...).ExpectStatus(200); string(a.Body) != alphabet ||
			a.Header("Content-Range") != "" {
			t.Errorf("%q: got %v", headers, a)
		}
	}
	a := anna.Download(f, "Range", "bytes=0-4", "If-Range", whole.Header("ETag")).ExpectStatus(206)
	if string(a.Body) != "abcde" {
		t.Errorf("got %v", a)
	}
}

func testMultipleRanges(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	f := uploadAlphabet(anna)
	a := anna.Download(f, "Range", "bytes=0-1,5-6,-2").ExpectStatus(206)
	kind, parameters, err := mime.ParseMediaType(a.Header("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		t.Fatalf("the Content-Type is %q, %v", a.Header("Content-Type"), err)
	}
	parts := multipart.NewReader(strings.NewReader(string(a.Body)), parameters["boundary"])
	for _, want := range []struct{ got, contentRange string }{{"ab", "0-1"}, {"fg", "5-6"}, {"yz", "24-25"}} {
		p, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(p)
		if err != nil || string(got) != want.got || p.Header.Get("Content-Range") != "bytes "+want.contentRange+"/26" ||
			p.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("got %q, %v, as %v", got, err, p.Header)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("after the last part: got %v, want io.EOF", err)
	}
	// The ranges together are larger than the file: the whole file is returned.
	tooMany := "bytes=" + strings.Repeat("0-25,", 100) + "0-1"
	if a := anna.Download(f, "Range", tooMany).ExpectStatus(200); string(a.Body) != alphabet {
		t.Errorf("got %v", a)
	}
}

func testUnsatisfiableRanges(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	f := uploadAlphabet(anna)
	for _, header := range []string{"bytes=26-", "bytes=100-200", "bytes=5-2", "bytes=x-y", "bytes=-", "bytes=--1",
		"bytes=-0", "bytes=-000", "bytes=-0,-0"} {
		for _, method := range []string{"GET", "HEAD"} {
			a := anna.Call(method, f.URL, nil, "Range", header)
			a.ExpectStatus(416)
			if method == "GET" {
				a.ExpectProblem(416, models.CodeInvalidRequest)
			}
			outside := header == "bytes=26-" || header == "bytes=100-200"
			if got := a.Header("Content-Range"); outside && got != "bytes */26" {
				t.Errorf("%s: Content-Range is %q", header, got)
			}
			for _, name := range []string{"ETag", "Content-Disposition", "Last-Modified"} {
				if got := a.Header(name); got != "" {
					t.Errorf("%s: %s is %q, want none in an error response", header, name, got)
				}
			}
			if got := a.Header("Cache-Control"); got != "no-store" {
				t.Errorf("%s: Cache-Control is %q", header, got)
			}
		}
	}
}

func testConditionalRequests(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	f := uploadAlphabet(anna)
	tag := `"` + f.SHA256 + `"`
	for _, method := range []string{"GET", "HEAD"} {
		for _, same := range []string{tag, "W/" + tag, `"another", ` + tag, "*"} {
			a := anna.Call(method, f.URL, nil, "If-None-Match", same).ExpectStatus(304)
			if len(a.Body) != 0 || a.Header("ETag") != tag || a.Header("Cache-Control") != "private, no-cache" {
				t.Errorf("%s: got %v, %v", same, a, a.HTTP.Header)
			}
		}
		anna.Call(method, f.URL, nil, "If-None-Match", `"another"`).ExpectStatus(200)
	}
	// A matching tag must not reveal the file to a user who may not read it.
	c.NewGuest("bert").Call("GET", f.URL, nil, "If-None-Match", tag).ExpectProblem(404, models.CodeNotFound)
	c.Call("GET", f.URL, nil, "If-None-Match", tag).ExpectProblem(401, models.CodeUnauthenticated)
	// The tag depends on the bytes only: the same bytes under another name have the same tag.
	other := anna.UploadFile(f.RoomID, "other.txt", "text/plain", []byte(alphabet))
	if other.ID == f.ID || anna.Download(other).Header("ETag") != tag {
		t.Errorf("%+v and %+v have the same bytes; want different files with the same ETag", other, f)
	}
}

func testHeadRequests(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	f := uploadAlphabet(anna)
	for _, headers := range [][]string{nil, {"Range", "bytes=3-5"}, {"Range", "bytes=0-1,4-5"}} {
		whole, head := anna.Download(f, headers...), anna.Call("HEAD", f.URL, nil, headers...)
		head.ExpectStatus(whole.HTTP.StatusCode)
		if len(head.Body) != 0 {
			t.Errorf("the HEAD response has the body %q", head.Body)
		}
		for name := range whole.HTTP.Header {
			if name == "Date" || name == "X-Request-Id" || name == "Content-Type" && len(headers) > 0 {
				continue
			}
			if got, want := head.Header(name), whole.Header(name); got != want && !strings.HasPrefix(name, "Ratelimit") {
				t.Errorf("%v: %s is %q by HEAD and %q by GET", headers, name, got, want)
			}
		}
	}
	head := anna.Call("HEAD", f.URL+"?download=1", nil).ExpectStatus(200)
	if head.Header("Content-Length") != fmt.Sprint(f.Size) {
		t.Errorf("Content-Length is %s", head.Header("Content-Length"))
	}
	anna.Call("HEAD", "/v1/files/f_NONE/content", nil).ExpectStatus(404)
	c.Call("HEAD", f.URL, nil).ExpectStatus(401)
	anna.CallInvalid("GET", f.URL+"?download=yes", nil).ExpectInvalid("download")
	anna.CallInvalid("HEAD", f.URL+"?download=", nil).ExpectStatus(400)
	anna.CallInvalid("POST", f.URL, nil).ExpectProblem(405, models.CodeMethodNotAllowed)
	anna.CallInvalid("DELETE", "/v1/files/"+f.ID, nil).ExpectProblem(405, models.CodeMethodNotAllowed)
}

func testThumbnailHeaders(t *testing.T, c *harness.Client) {
	anna := c.NewGuest("anna")
	room := anna.CreatePrivateRoom()
	f := anna.UploadFile(room.ID, "p.png", "image/png", encodePicture(t, "image/png", harness.Photo(640, 400)))
	a := anna.Call("GET", f.ThumbnailURL, nil).ExpectStatus(200)
	for name, want := range map[string]string{
		"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox",
		"Cache-Control": "private, no-cache", "Content-Disposition": "inline", "Cross-Origin-Resource-Policy": "same-site",
	} {
		if got := a.Header(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	tag := a.Header("ETag")
	if tag == "" || tag == anna.Download(f).Header("ETag") {
		t.Errorf("the ETag is %q", tag)
	}
	if again := anna.Call("GET", f.ThumbnailURL, nil, "If-None-Match", tag).ExpectStatus(304); len(again.Body) != 0 {
		t.Errorf("got %v", again)
	}
	c.NewGuest("bert").Call("GET", f.ThumbnailURL, nil, "If-None-Match", tag).ExpectProblem(404, models.CodeNotFound)
	text := anna.UploadFile(room.ID, "a.txt", "text/plain", []byte("hello"))
	if text.ThumbnailURL != "" {
		t.Errorf("%+v has a thumbnail", text)
	}
	anna.Call("GET", "/v1/files/"+text.ID+"/thumbnail", nil).ExpectProblem(404, models.CodeNotFound)
}
