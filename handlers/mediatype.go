package handlers

import (
	"regexp"
	"slices"
	"strings"

	"github.com/parley-chat/parley/models"
)

// mediaTypeForm is type/subtype as RFC 6838 has it, section 4.2.
var mediaTypeForm = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$`)

// generic are what looking at bytes finds when it finds nothing in particular: any two lines with a comma are a table.
var generic = []string{
	binaryType, "text/plain", "text/csv", "text/tab-separated-values", "text/xml", "application/xml", "application/json",
	"application/zip",
}

// inline are the media types that a browser may show or play by itself: those that cannot hold a script.
var inline = []string{
	"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp",
	"audio/mpeg", "audio/ogg", "audio/wav", "audio/flac", "audio/aac", "audio/mp4", "audio/x-m4a", "audio/webm", "audio/opus",
	"video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/x-matroska",
}

// drawing is a picture that may hold a script.
const drawing = "image/svg+xml"

// agreed is the media type that a file has, of what its client says and what its bytes are. The bytes are believed; the
// client where they do not tell, as of a table with commas. What is said to be a picture, a sound or a film must be one, and
// a drawing must be said to be one.
func agreed(said string, found models.FileFacts) (string, error) {
	said, _, _ = strings.Cut(strings.ToLower(said), ";")
	said = strings.TrimSpace(said)
	if !mediaTypeForm.MatchString(said) || said == binaryType {
		return found.MediaType, nil
	}
	switch family(said) {
	case "image", "audio", "video":
		same := family(found.MediaType) == family(said) && (found.MediaType != drawing || said == drawing)
		if !same && !bothMedia(said, found.MediaType) {
			return "", models.Errorf(models.CodeBadFile, "The file is said to be %s, but it is %s.", said, found.MediaType)
		}
		return found.MediaType, nil
	}
	if slices.Contains(generic, found.MediaType) {
		return said, nil
	}
	return found.MediaType, nil
}

// bothMedia reports whether one is a sound and the other a film: the same containers hold both.
func bothMedia(a, b string) bool {
	media := []string{"audio", "video", "application/ogg"}
	return slices.Contains(media, family(a)) && (slices.Contains(media, family(b)) || slices.Contains(media, b))
}

func family(mediaType string) string {
	family, _, _ := strings.Cut(mediaType, "/")
	return family
}
