package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed client
var clientFiles embed.FS

// clientPolicy lets the client load from and call its own server alone, and never execute text as markup or script.
// Pictures, sounds and films are fetched with a token, and shown from memory (blob:).
const clientPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; " +
	"media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Client serves the web client: its page at /, and its modules under /client/. missing serves other paths.
func Client(missing http.Handler) http.Handler {
	assets := clientAssets()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/client/")
		if r.URL.Path == "/" {
			name = "index.html"
		}
		found, ok := assets[name]
		if !ok {
			missing.ServeHTTP(w, r)
			return
		}
		found.ServeHTTP(w, r)
	})
}

// clientAssets are compressed once, at the first use.
var clientAssets = sync.OnceValue(func() map[string]asset {
	assets := map[string]asset{}
	eachShown(clientFiles, "client", func(name, mediaType string, content []byte) {
		a := newAsset(mediaType, content)
		a.withPolicy = !strings.HasPrefix(mediaType, "text/") || path.Ext(name) == ".html"
		assets[name] = a
	})
	return assets
})

// asset is a file of the client, plain and compressed. Each form has an ETag of its own.
type asset struct {
	mediaType            string
	plain, gzipped       []byte
	plainTag, gzippedTag string
	withPolicy           bool // sent with the policy: pages, not what they load
}

func newAsset(mediaType string, content []byte) asset {
	var gzipped bytes.Buffer
	writer, err := gzip.NewWriterLevel(&gzipped, gzip.BestCompression)
	if err == nil {
		_, err = writer.Write(content)
	}
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		panic(err) // the level is valid, and a buffer in memory does not fail
	}
	sum := sha256.Sum256(content)
	tag := hex.EncodeToString(sum[:16])
	return asset{
		mediaType: mediaType, plain: content, gzipped: gzipped.Bytes(),
		plainTag: `"` + tag + `"`, gzippedTag: `"` + tag + `-gzip"`,
	}
}

func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, tag := a.plain, a.plainTag
	h := w.Header()
	if acceptsGzip(r) {
		content, tag = a.gzipped, a.gzippedTag
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Type", a.mediaType)
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache")
	if a.withPolicy {
		h.Set("Content-Security-Policy", clientPolicy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// acceptsGzip parses Accept-Encoding as browsers send it: names, with or without a weight; the weight 0 excludes one.
func acceptsGzip(r *http.Request) bool {
	for _, offer := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(offer), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.Trim(strings.TrimPrefix(strings.TrimSpace(weight), "q="), "0.") != "" || weight == ""
		}
	}
	return false
}
