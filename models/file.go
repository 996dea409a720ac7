package models

import (
	"path"
	"strings"
)

// File is a file's metadata; its bytes are at URL.
type File struct {
	ID           string `json:"id"`
	RoomID       int64  `json:"room_id"`
	Name         string `json:"name"`
	MediaType    string `json:"media_type"`
	Size         int64  `json:"size"` // bytes
	SHA256       string `json:"sha256"`
	Width        int    `json:"width,omitempty"` // pixels
	Height       int    `json:"height,omitempty"`
	URL          string `json:"url"`
	ThumbnailURL string `json:"thumbnail_url,omitempty"`
	CreatedAt    Time   `json:"created_at"`
}

// FileFacts is what the bytes of a file say about it.
type FileFacts struct {
	MediaType string // without parameters
	// AsSound is the media type, if it is sound, of a format that may hold sound or film and does not say which; "" for
	// all others.
	AsSound string
	// Width and Height are in pixels, of the picture as it is shown; 0 for a file that is no readable picture.
	Width, Height int
	// Thumbnail says whether one can be made.
	Thumbnail bool
}

// NewFile is a file whose bytes are stored, and which is about to be added to a room.
type NewFile struct {
	Blob      string // of its bytes
	Name      string
	MediaType string
	Size      int64 // bytes
	SHA256    string
	Width     int // pixels, as the picture is shown; 0 for no picture
	Height    int
	Thumbnail bool // whether one is to be made
}

// StoredFile is a file and where its bytes are.
type StoredFile struct {
	File
	Blob             string
	Thumbnail        string // the blob of the small picture; "" while there is none
	ThumbnailPending bool   // whether one is being made
}

// Upload is a file that arrives in chunks.
type Upload struct {
	ID         string
	RoomID     int64
	Blob       string // staged
	Name       string
	MediaType  string // as the client says
	Metadata   string // as it came
	Size       int64  // of the whole file, bytes
	Offset     int64  // bytes that are stored for good
	Unverified bool   // whether what is staged beyond Offset is a chunk whose checksum was not verified yet
	FileID     string // once it is finished
	ExpiresAt  Time
}

// defaultFileName is the name of a file that came without one.
const defaultFileName = "file"

// FileName makes a name that a client sent fit to be shown and stored: the last part of a path, without control and
// invisible characters, which could make it look like another name, and cut to MaxFileNameLength. It is a label, never
// a path: no upload is refused for it, and a name without visible characters becomes "file".
func FileName(given string) string {
	name := withoutInvisible(path.Base(strings.ReplaceAll(strings.ToValidUTF8(given, "\uFFFD"), `\`, "/")))
	if !IsVisible(name) || name == "." || name == ".." || name == "/" {
		return defaultFileName
	}
	if runes := []rune(name); len(runes) > MaxFileNameLength {
		ending := []rune(path.Ext(name))
		if len(ending) > 16 {
			ending = nil
		}
		name = string(runes[:MaxFileNameLength-len(ending)]) + string(ending)
	}
	return name
}
