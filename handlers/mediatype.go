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

// opaque are those of them that media of an unknown kind may be.
var opaque = []string{binaryType, "application/zip"}

// inline are the media types that a browser may show or play by itself: those that cannot hold a script. They are what
// the bytes are, never what a client says.
var inline = []string{
	"image/png", "image/apng", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp",
	"audio/mpeg", "audio/ogg", "audio/wav", "audio/flac", "audio/aac", "audio/mp4", "audio/x-m4a", "audio/webm", "audio/opus",
	"audio/3gpp", "audio/3gpp2", "audio/matroska",
	"video/mp4", "video/x-m4v", "video/webm", "video/ogg", "video/quicktime", "video/matroska", "video/x-matroska",
	"video/3gpp", "video/3gpp2",
}

// drawing is a picture that may hold a script.
const drawing = "image/svg+xml"

// agreed is the media type that a file has, of what its client says and what its bytes are. No file is refused for it:
// browsers guess by a name's ending, and call TypeScript a film. The bytes are believed, and so are all that a browser
// shows by itself. The client is believed where they do not tell: of a table with commas, of a format of one's own, of a
// camera's raw pictures, and of what may be sound or film.
func agreed(said string, found models.FileFacts) string {
	said, _, _ = strings.Cut(strings.ToLower(said), ";")
	said = strings.TrimSpace(said)
	if !mediaTypeForm.MatchString(said) || said == binaryType {
		return found.MediaType
	}
	switch family(said) {
	case "image", "audio", "video":
		return agreedMedia(said, found)
	}
	if slices.Contains(generic, found.MediaType) {
		return said
	}
	return found.MediaType
}

// agreedMedia is agreed for what is said to be a picture, a sound or a film.
func agreedMedia(said string, found models.FileFacts) string {
	switch {
	case family(said) == "audio" && found.AsSound != "":
		return found.AsSound
	case slices.Contains(inline, said), slices.Contains(inline, found.MediaType), said == drawing, found.MediaType == drawing:
		return found.MediaType
	case slices.Contains(opaque, found.MediaType), medium(said) == medium(found.MediaType):
		return said
	}
	return found.MediaType
}

// medium is the family of a media type, of sounds and films one, since the same containers hold both.
func medium(mediaType string) string {
	if of := family(mediaType); of != "audio" {
		return of
	}
	return "video"
}

func family(mediaType string) string {
	family, _, _ := strings.Cut(mediaType, "/")
	return family
}
