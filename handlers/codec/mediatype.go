package codec

import (
	"regexp"
	"slices"
	"strings"

	"github.com/parley-chat/parley/models"
)

// mediaTypeForm is type/subtype (RFC 6838, section 4.2).
var mediaTypeForm = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$`)

// generic are the media types that detection returns when it finds nothing specific: any two lines with a comma look
// like CSV.
var generic = []string{
	Binary, "text/plain", "text/csv", "text/tab-separated-values", "text/xml", "application/xml", "application/json",
	"application/zip",
}

// opaque are the generic media types that pictures, sounds and films of an unknown format may be detected as.
var opaque = []string{Binary, "application/zip"}

// inline are the media types that a browser may show or play, because they cannot contain scripts. They are always
// detected from the bytes, never taken from the client.
var inline = []string{
	"image/png",
	"image/apng",
	"image/jpeg",
	"image/gif",
	"image/webp",
	"image/avif",
	"image/bmp",
	"audio/mpeg",
	"audio/ogg",
	"audio/wav",
	"audio/flac",
	"audio/aac",
	"audio/mp4",
	"audio/x-m4a",
	"audio/webm",
	"audio/opus",
	"audio/3gpp",
	"audio/3gpp2",
	"audio/matroska",
	"video/mp4",
	"video/x-m4v",
	"video/webm",
	"video/ogg",
	"video/quicktime",
	"video/matroska",
	"video/x-matroska",
	"video/3gpp",
	"video/3gpp2",
}

// svgType is a picture that may contain scripts.
const svgType = "image/svg+xml"

// IsInline reports whether a browser may show or play a file of this media type.
func IsInline(mediaType string) bool { return slices.Contains(inline, mediaType) }

// FileType decides on the media type of a file from what its client declares and what was detected. A mismatch is not
// an error: browsers guess by the extension, and take TypeScript for a film. The detected type wins if it is specific,
// or if a browser shows files of either type. The declared type wins where detection cannot tell: for CSV, for formats
// of one's own, for raw pictures of cameras, and for containers that may hold sound or film.
func FileType(declared string, found models.FileFacts) string {
	declared, _, _ = strings.Cut(strings.ToLower(declared), ";")
	declared = strings.TrimSpace(declared)
	if !mediaTypeForm.MatchString(declared) || declared == Binary {
		return found.MediaType
	}
	switch family(declared) {
	case "image", "audio", "video":
		return mediaFileType(declared, found)
	}
	if slices.Contains(generic, found.MediaType) {
		return declared
	}
	return found.MediaType
}

// mediaFileType is FileType for files that are declared as a picture, a sound or a film.
func mediaFileType(declared string, found models.FileFacts) string {
	switch {
	case family(declared) == "audio" && found.AsSound != "":
		return found.AsSound
	case IsInline(declared), IsInline(found.MediaType), declared == svgType, found.MediaType == svgType:
		return found.MediaType
	case slices.Contains(opaque, found.MediaType), medium(declared) == medium(found.MediaType):
		return declared
	}
	return found.MediaType
}

// medium is the family of a media type, with sound and film as one, since the same containers hold both.
func medium(mediaType string) string {
	if f := family(mediaType); f != "audio" {
		return f
	}
	return "video"
}

// family is the part of a media type before its slash.
func family(mediaType string) string {
	family, _, _ := strings.Cut(mediaType, "/")
	return family
}
