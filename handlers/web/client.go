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

// clientPolicy lets the client load and call its own server alone, and no text become markup or script. Pictures, sounds
// and films are fetched with a token, and shown from the page's own memory (blob:).
const clientPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; " +
	"media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types parley"

// Client is the web client: its page at /, and its parts under /client/. What is not there goes to missing.
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

// clientAssets are read and packed once in the life of the program.
var clientAssets = sync.OnceValue(func() map[string]asset {
	assets := map[string]asset{}
	eachShown(clientFiles, "client", func(name, mediaType string, content []byte) {
		a := newAsset(mediaType, content)
		a.sealed = name == "stream-worker.js" || !strings.HasPrefix(mediaType, "text/") || path.Ext(name) == ".html"
		assets[name] = a
	})
	return assets
})

// asset is a file of the client as it is, and packed for whoever takes it so. Each form has an ETag of its own.
type asset struct {
	mediaType           string
	plain, packed       []byte
	plainTag, packedTag string
	sealed              bool // comes with the policy: what a page or a worker is made of, not what they load
}

func newAsset(mediaType string, content []byte) asset {
	var packed bytes.Buffer
	pack, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err == nil {
		_, err = pack.Write(content)
	}
	if err == nil {
		err = pack.Close()
	}
	if err != nil {
		panic(err) // neither the level nor a buffer in memory refuses
	}
	sum := sha256.Sum256(content)
	tag := hex.EncodeToString(sum[:16])
	return asset{
		mediaType: mediaType, plain: content, packed: packed.Bytes(),
		plainTag: `"` + tag + `"`, packedTag: `"` + tag + `-gzip"`,
	}
}

func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, tag := a.plain, a.plainTag
	h := w.Header()
	if takesGzip(r) {
		content, tag = a.packed, a.packedTag
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Type", a.mediaType)
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache")
	if a.sealed {
		h.Set("Content-Security-Policy", clientPolicy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// takesGzip reads Accept-Encoding as browsers write it: the name, with or without a weight, which is a refusal at 0.
func takesGzip(r *http.Request) bool {
	for _, offer := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(offer), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.Trim(strings.TrimPrefix(strings.TrimSpace(weight), "q="), "0.") != "" || weight == ""
		}
	}
	return false
}
