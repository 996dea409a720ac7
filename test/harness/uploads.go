package harness

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"sync"

	"github.com/parley-chat/parley/models"
)

// OnePixelPNG returns a PNG image of one pixel.
var OnePixelPNG = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, Photo(1, 1)); err != nil {
		panic(err)
	}
	return b.Bytes()
})

// UploadFile uploads a file to a room.
func (c *Client) UploadFile(roomID int64, name, mediaType string, content []byte, headers ...string) models.File {
	c.T.Helper()
	var f models.File
	path := RoomPath(roomID) + "/files?name=" + url.QueryEscape(name)
	c.Call("POST", path, content, append(headers, "Content-Type", mediaType)...).ExpectStatus(201).Decode(&f)
	return f
}

// Download downloads a file.
func (c *Client) Download(f models.File, headers ...string) *Response {
	c.T.Helper()
	return c.Call("GET", f.URL, nil, headers...)
}

// DigestOf returns the SHA-256 of content in hexadecimal.
func DigestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// Photo returns an image of w × h pixels, red on the left and blue on the right.
func Photo(w, h int) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			p.SetRGBA(x, y, color.RGBA{R: uint8(255 - 255*x/w), B: uint8(255 * x / w), A: 255})
		}
	}
	return p
}
