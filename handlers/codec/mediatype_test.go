package codec

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestFileType decides between what a client declares and what was detected.
func TestFileType(t *testing.T) {
	for _, c := range []struct{ declared, detected, want string }{
		{"", "image/png", "image/png"},
		{"text/html", "image/png", "image/png"},
		{"image/png", "text/html", "text/html"}, // never shown as a picture
		{"image/svg+xml", "text/plain", "text/plain"},
		{"text/csv; charset=utf-8", "text/plain", "text/csv"},
		{"application/x-own", "application/octet-stream", "application/x-own"},
		{"application/octet-stream", "text/plain", "text/plain"},
		{"image/x-canon-cr3", "application/octet-stream", "image/x-canon-cr3"},
		{"video/mp2t", "text/plain", "text/plain"}, // TypeScript, by its extension
		{"no type", "text/plain", "text/plain"},
		{"TEXT/CSV", "text/plain", "text/csv"},
	} {
		if got := FileType(c.declared, models.FileFacts{MediaType: c.detected}); got != c.want {
			t.Errorf("declared %q, detected %q: %q, wanted %q", c.declared, c.detected, got, c.want)
		}
	}
	if got := FileType("audio/mp4", models.FileFacts{MediaType: "video/mp4", AsSound: "audio/mp4"}); got != "audio/mp4" {
		t.Errorf("a sound in a container of films is %q", got)
	}
	if IsInline("text/html") || IsInline("image/svg+xml") || !IsInline("image/png") {
		t.Error("what may contain scripts is shown inline, or pictures are not")
	}
}
