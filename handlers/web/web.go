// Package web has the pages of Parley, embedded in the binary, so that no page needs another host.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/parley-chat/parley/sdk"
)

//go:embed docs
var files embed.FS

// policy lets the reference page load from its own server alone. Swagger UI sets style attributes, and loads its icons
// from data URLs.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".webmanifest": "application/manifest+json",
}

// Pages returns the handlers of the contract, of its part about the event stream for AsyncAPI, of the reference page
// and what it loads, and of the SDK, by path.
func Pages(contract, events []byte) map[string]http.Handler {
	pages := map[string]http.Handler{
		"/openapi.yaml":  newFile("application/yaml", contract),
		"/asyncapi.yaml": newFile("application/yaml", events),
	}
	for name, a := range sdkFiles() {
		pages[name] = fromEverywhere(a)
	}
	for name, f := range reference() {
		pages["/docs/"+name] = f
	}
	pages["/docs"] = pages["/docs/index.html"]
	pages["/docs/problems"] = pages["/docs/problems.html"] // the type of each problem
	return pages
}

// reference has the files of the reference page. They are read and hashed once.
var reference = sync.OnceValue(func() map[string]file {
	pages := map[string]file{}
	eachShown(files, "docs", func(name, mediaType string, content []byte) {
		pages[name] = newFile(mediaType, content)
	})
	return pages
})

// sdkFiles are the modules of the SDK and their types, by path. They are compressed once.
var sdkFiles = sync.OnceValue(func() map[string]asset {
	return map[string]asset{
		"/sdk.js":     newAsset(mediaTypes[".js"], sdk.Module),
		"/sdk.d.ts":   newAsset("text/plain; charset=utf-8", sdk.Types),
		"/embed.js":   newAsset(mediaTypes[".js"], sdk.Embed),
		"/embed.d.ts": newAsset("text/plain; charset=utf-8", sdk.EmbedTypes),
	}
})

// fromEverywhere lets the pages of all origins load what everybody may read: a browser asks for that before it runs a
// module. No cookie is sent with it.
func fromEverywhere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Del("Access-Control-Allow-Credentials")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		next.ServeHTTP(w, r)
	})
}

// eachShown calls use for the files of an embedded folder that are served; others, such as licences, are not.
func eachShown(from embed.FS, folder string, use func(name, mediaType string, content []byte)) {
	entries, err := fs.ReadDir(from, folder)
	if err != nil {
		panic(err) // the folder is embedded
	}
	for _, e := range entries {
		mediaType, shown := mediaTypes[path.Ext(e.Name())]
		if !shown {
			continue
		}
		content, err := from.ReadFile(folder + "/" + e.Name())
		if err != nil {
			panic(err)
		}
		use(e.Name(), mediaType, content)
	}
}

// file is content that changes only with the binary. Browsers revalidate it each time, which costs one short response.
type file struct {
	mediaType string
	content   []byte
	tag       string
}

func newFile(mediaType string, content []byte) file {
	sum := sha256.Sum256(content)
	return file{mediaType: mediaType, content: content, tag: `"` + hex.EncodeToString(sum[:16]) + `"`}
}

func (f file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("ETag", f.tag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
