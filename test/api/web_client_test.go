package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// firstPaintBytes is the limit of the compressed size of the page with all that it loads at once.
const firstPaintBytes = 100_000

var (
	clientLinks   = regexp.MustCompile(`(?:src|href)="(/client/[^"]*|/sdk\.js)"`)
	clientImports = regexp.MustCompile(`(?m)^import [^']*'\./([^']+)';$`)
	clientLater   = regexp.MustCompile(`(?:await |=> )import\('\./([^']+)'\)`)
	clientMarkup  = regexp.MustCompile(
		`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|https?://[a-z0-9]+\.`)
)

// testWebClient checks that the web client loads nothing from other hosts, that its first paint is small, and that it
// has no code that turns text into markup.
func testWebClient(t *testing.T, c *harness.Client) {
	page := c.Send("GET", "/", nil).ExpectStatus(200)
	policy := page.Header("Content-Security-Policy")
	for _, part := range []string{
		"default-src 'none'", "script-src 'self';", "style-src 'self';", "require-trusted-types-for 'script'",
	} {
		if !strings.Contains(policy, part) {
			t.Errorf("got the Content-Security-Policy %q without %s", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("got the Content-Security-Policy %q", policy)
	}
	c.Send("GET", "/client/nothing.js", nil).ExpectProblem(404, models.CodeNotFound)
	c.Send("GET", "/client/types.d.ts", nil).ExpectProblem(404, models.CodeNotFound)

	weight, loaded := compressedSize(t, c, "/"), map[string]bool{}
	load := func(path string, content []byte, links *regexp.Regexp, base string) (more []string) {
		// The name of the SVG namespace looks like an address, but nothing is loaded from it.
		if found := clientMarkup.Find(bytes.ReplaceAll(content, []byte("http://www.w3.org/2000/svg"), nil)); found != nil {
			t.Errorf("%s has %s", path, found)
		}
		for _, link := range links.FindAllSubmatch(content, -1) {
			if asset := base + string(link[1]); !loaded[asset] {
				loaded[asset] = true
				more = append(more, asset)
			}
		}
		return more
	}
	var later []string
	for now := load("/", page.Body, clientLinks, ""); len(now) > 0; now = now[1:] {
		weight += compressedSize(t, c, now[0])
		content := c.Send("GET", now[0], nil).ExpectStatus(200).Body
		if unnamed := load(now[0], content, clientImports, "/client/"); len(unnamed) > 0 {
			t.Errorf("%s imports %q, which the page does not preload", now[0], unnamed)
		}
		later = append(later, load(now[0], content, clientLater, "/client/")...)
	}
	if weight > firstPaintBytes || !loaded["/client/store.js"] || !loaded["/sdk.js"] {
		t.Errorf("the first paint: got %d bytes in %d files", weight, len(loaded))
	}
	for ; len(later) > 0; later = later[1:] {
		content := c.Send("GET", later[0], nil).ExpectStatus(200).Body
		later = append(later, load(later[0], content, clientImports, "/client/")...)
	}
}

// compressedSize requests an asset as browsers do, and returns its compressed size. It checks the decompressed content,
// the ETag and that clients without gzip get no gzip.
func compressedSize(t *testing.T, c *harness.Client, path string) int {
	t.Helper()
	plain := c.Send("GET", path, nil, "Accept-Encoding", "identity").ExpectStatus(200)
	small := c.Send("GET", path, nil, "Accept-Encoding", "br, gzip").ExpectStatus(200)
	if small.Header("Content-Encoding") != "gzip" || small.Header("Vary") != "Accept-Encoding" ||
		small.Header("ETag") == plain.Header("ETag") {
		t.Errorf("%s: got the headers %v", path, small.HTTP.Header)
	}
	unpack, err := gzip.NewReader(bytes.NewReader(small.Body))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unpack)
	if err != nil || !bytes.Equal(content, plain.Body) {
		t.Errorf("%s has another content when it is compressed (%v)", path, err)
	}
	if refused := c.Send("GET", path, nil, "Accept-Encoding",
		"gzip;q=0").ExpectStatus(200); refused.Header("Content-Encoding") != "" {
		t.Errorf("%s is compressed for a client that does not accept gzip", path)
	}
	c.Send("GET", path, nil, "Accept-Encoding", "gzip", "If-None-Match", small.Header("ETag")).ExpectStatus(304)
	c.Send("GET", path, nil, "Accept-Encoding", "gzip", "If-None-Match", plain.Header("ETag")).ExpectStatus(200)
	return len(small.Body)
}
