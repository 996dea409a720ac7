package main

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestDownloads(t *testing.T) {
	play(t, []scenario{
		{"parts", testRanges}, {"several parts", testSeveralRanges}, {"parts that are not there", testRangesOutside},
		{"copies that are good", testConditions}, {"heads", testHeads}, {"thumbnails", testThumbnailHeaders},
	})
}

const alphabet = "abcdefghijklmnopqrstuvwxyz"

func (c *client) uploadAlphabet() models.File {
	c.t.Helper()
	return c.upload(c.privateRoom().ID, "alphabet.txt", "text/plain", []byte(alphabet))
}

func testRanges(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	f := anna.uploadAlphabet()
	whole := anna.content(f).status(200)
	if whole.header("Accept-Ranges") != "bytes" || whole.header("ETag") != `"`+f.SHA256+`"` || whole.header("Content-Length") != "26" {
		t.Errorf("the headers are %v", whole.response.Header)
	}
	for _, r := range []struct{ asked, got, which string }{
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
		a := anna.content(f, "Range", r.asked).status(206)
		if string(a.body) != r.got || a.header("Content-Range") != "bytes "+r.which+"/26" {
			t.Errorf("%s: got %q as %q", r.asked, a.body, a.header("Content-Range"))
		}
		for _, name := range []string{"ETag", "Content-Type", "Content-Disposition", "Content-Security-Policy", "X-Content-Type-Options", "Cache-Control"} {
			if got := a.header(name); got == "" || got != whole.header(name) {
				t.Errorf("%s: %s is %q, of the whole %q", r.asked, name, got, whole.header(name))
			}
		}
	}
	// The whole comes for what does not fit the file that is there, and for what is no range of bytes.
	for _, headers := range [][]string{
		{"Range", "bytes=0-4", "If-Range", `"another"`}, {"Range", "bytes=0-4", "If-Range", `W/"` + f.SHA256 + `"`},
		{"Range", "bytes=0-4", "If-Range", "Mon, 02 Jan 2006 15:04:05 GMT"}, {"Range", "letters=0-4"}, {"Range", "0-4"},
	} {
		if a := anna.content(f, headers...).status(200); string(a.body) != alphabet || a.header("Content-Range") != "" {
			t.Errorf("%q: got %v", headers, a)
		}
	}
	if a := anna.content(f, "Range", "bytes=0-4", "If-Range", whole.header("ETag")).status(206); string(a.body) != "abcde" {
		t.Errorf("got %v", a)
	}
}

func testSeveralRanges(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	f := anna.uploadAlphabet()
	a := anna.content(f, "Range", "bytes=0-1,5-6,-2").status(206)
	kind, parameters, err := mime.ParseMediaType(a.header("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		t.Fatalf("the Content-Type is %q, %v", a.header("Content-Type"), err)
	}
	parts := multipart.NewReader(strings.NewReader(string(a.body)), parameters["boundary"])
	for _, want := range []struct{ got, which string }{{"ab", "0-1"}, {"fg", "5-6"}, {"yz", "24-25"}} {
		p, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(p)
		if err != nil || string(got) != want.got || p.Header.Get("Content-Range") != "bytes "+want.which+"/26" || p.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("got %q, %v, as %v", got, err, p.Header)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("there is more: %v", err)
	}
	// More than there is in all: the whole is less.
	if a := anna.content(f, "Range", "bytes="+strings.Repeat("0-25,", 100)+"0-1").status(200); string(a.body) != alphabet {
		t.Errorf("got %v", a)
	}
}

func testRangesOutside(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	f := anna.uploadAlphabet()
	for _, asked := range []string{"bytes=26-", "bytes=100-200", "bytes=5-2", "bytes=x-y", "bytes=-", "bytes=--1", "bytes=-0", "bytes=-000", "bytes=-0,-0"} {
		for _, method := range []string{"GET", "HEAD"} {
			a := anna.call(method, f.URL, nil, "Range", asked)
			a.status(416)
			if method == "GET" {
				a.problem(416, models.CodeInvalidRequest)
			}
			outside := asked == "bytes=26-" || asked == "bytes=100-200"
			if got := a.header("Content-Range"); outside && got != "bytes */26" {
				t.Errorf("%s: Content-Range is %q", asked, got)
			}
			for _, name := range []string{"ETag", "Content-Disposition", "Last-Modified"} {
				if got := a.header(name); got != "" {
					t.Errorf("%s: %s is %q, of a file that does not come", asked, name, got)
				}
			}
			if got := a.header("Cache-Control"); got != "no-store" {
				t.Errorf("%s: Cache-Control is %q", asked, got)
			}
		}
	}
}

func testConditions(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	f := anna.uploadAlphabet()
	tag := `"` + f.SHA256 + `"`
	for _, method := range []string{"GET", "HEAD"} {
		for _, same := range []string{tag, "W/" + tag, `"another", ` + tag, "*"} {
			a := anna.call(method, f.URL, nil, "If-None-Match", same).status(304)
			if len(a.body) != 0 || a.header("ETag") != tag || a.header("Cache-Control") != "private, no-cache" {
				t.Errorf("%s: got %v, %v", same, a, a.response.Header)
			}
		}
		anna.call(method, f.URL, nil, "If-None-Match", `"another"`).status(200)
	}
	// A copy that is good says nothing to who may not have it.
	c.newcomer("bert").call("GET", f.URL, nil, "If-None-Match", tag).problem(404, models.CodeNotFound)
	c.call("GET", f.URL, nil, "If-None-Match", tag).problem(401, models.CodeUnauthenticated)
	// The tag is of the bytes: the same ones under another name have the same.
	other := anna.upload(f.RoomID, "other.txt", "text/plain", []byte(alphabet))
	if other.ID == f.ID || anna.content(other).header("ETag") != tag {
		t.Errorf("%+v is another file than %+v, of the same bytes", other, f)
	}
}

func testHeads(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	f := anna.uploadAlphabet()
	for _, headers := range [][]string{nil, {"Range", "bytes=3-5"}, {"Range", "bytes=0-1,4-5"}} {
		whole, head := anna.content(f, headers...), anna.call("HEAD", f.URL, nil, headers...)
		head.status(whole.response.StatusCode)
		if len(head.body) != 0 {
			t.Errorf("HEAD has the body %q", head.body)
		}
		for name := range whole.response.Header {
			if name == "Date" || name == "X-Request-Id" || name == "Content-Type" && len(headers) > 0 {
				continue
			}
			if got, want := head.header(name), whole.header(name); got != want && !strings.HasPrefix(name, "Ratelimit") {
				t.Errorf("%v: %s is %q by HEAD and %q by GET", headers, name, got, want)
			}
		}
	}
	head := anna.call("HEAD", f.URL+"?download=1", nil).status(200)
	if head.header("Content-Length") != fmt.Sprint(f.Size) {
		t.Errorf("the length is %s", head.header("Content-Length"))
	}
	anna.call("HEAD", "/v1/files/f_NONE/content", nil).status(404)
	c.call("HEAD", f.URL, nil).status(401)
	anna.wrong("GET", f.URL+"?download=yes", nil).invalid("download")
	anna.wrong("HEAD", f.URL+"?download=", nil).status(400)
	anna.wrong("POST", f.URL, nil).problem(405, models.CodeMethodNotAllowed)
	anna.wrong("DELETE", "/v1/files/"+f.ID, nil).problem(405, models.CodeMethodNotAllowed)
}

func testThumbnailHeaders(t *testing.T, c *client) {
	anna := c.newcomer("anna")
	room := anna.privateRoom()
	f := anna.upload(room.ID, "p.png", "image/png", pictureAs(t, "image/png", photo(640, 400)))
	a := anna.call("GET", f.ThumbnailURL, nil).status(200)
	for name, want := range map[string]string{
		"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox",
		"Cache-Control": "private, no-cache", "Content-Disposition": "inline", "Cross-Origin-Resource-Policy": "same-site",
	} {
		if got := a.header(name); got != want {
			t.Errorf("%s is %q, wanted %q", name, got, want)
		}
	}
	tag := a.header("ETag")
	if tag == "" || tag == anna.content(f).header("ETag") {
		t.Errorf("the ETag is %q", tag)
	}
	if again := anna.call("GET", f.ThumbnailURL, nil, "If-None-Match", tag).status(304); len(again.body) != 0 {
		t.Errorf("got %v", again)
	}
	c.newcomer("bert").call("GET", f.ThumbnailURL, nil, "If-None-Match", tag).problem(404, models.CodeNotFound)
	text := anna.upload(room.ID, "a.txt", "text/plain", []byte("hello"))
	if text.ThumbnailURL != "" {
		t.Errorf("%+v has a thumbnail", text)
	}
	anna.call("GET", "/v1/files/"+text.ID+"/thumbnail", nil).problem(404, models.CodeNotFound)
}
