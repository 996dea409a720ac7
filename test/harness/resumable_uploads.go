package harness

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// UploadChunk is the body that tests send to each operation that accepts bytes.
const UploadChunk = "bytes"

// CreateTextUpload creates an upload of a text of size bytes and returns its id.
func (c *Client) CreateTextUpload(roomID int64, size int) (id string) {
	c.T.Helper()
	created := c.Call("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(size),
		"Upload-Metadata", UploadMetadata(roomID, "film.txt")).ExpectStatus(201)
	return strings.TrimPrefix(created.Header("Location"), "/v1/uploads/")
}

// UploadMetadata returns the Upload-Metadata header of a text file in a room.
func UploadMetadata(roomID int64, name string) string {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	return "filename " + encode(name) + ",filetype " + encode("text/plain") + ",room_id " + encode(fmt.Sprint(roomID))
}

// UploadMetadataOf returns the Upload-Metadata header of pairs of a key and a value.
func UploadMetadataOf(pairs ...string) string {
	var all []string
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(all, ",")
}

// UploadCreationHeaders returns the headers that create an upload of a file of random bytes.
func UploadCreationHeaders(roomID int64, size int, more ...string) []string {
	return append([]string{
		"Tus-Resumable",
		"1.0.0",
		"Upload-Length",
		strconv.Itoa(size),
		"Upload-Metadata",
		UploadMetadataOf("filename", "noise.bin", "filetype", "application/octet-stream", "room_id", fmt.Sprint(roomID)),
	}, more...)
}

// CreateUpload creates an upload of a file of random bytes and returns its path.
func (c *Client) CreateUpload(roomID int64, size int, more ...string) string {
	c.T.Helper()
	response := c.Call("POST", "/v1/uploads", nil, UploadCreationHeaders(roomID, size, more...)...).ExpectStatus(201)
	ExpectUploadOffset(response, 0)
	return response.Header("Location")
}

// PatchUpload sends a chunk of an upload.
func (c *Client) PatchUpload(path string, offset int, chunk []byte, more ...string) *Response {
	c.T.Helper()
	if len(chunk) == 0 {
		return c.CallInvalid("PATCH", path, chunk, UploadHeaders(offset, more...)...)
	}
	return c.Call("PATCH", path, chunk, UploadHeaders(offset, more...)...)
}

// UploadHeaders returns the headers of a chunk at the offset.
func UploadHeaders(offset int, more ...string) []string {
	return append([]string{
		"Tus-Resumable", "1.0.0", "Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/offset+octet-stream",
	}, more...)
}

// HeadUpload requests the state of an upload.
func (c *Client) HeadUpload(path string) *Response {
	c.T.Helper()
	return c.Call("HEAD", path, nil, "Tus-Resumable", "1.0.0")
}

// UploadOffset returns the offset of an upload.
func (c *Client) UploadOffset(path string) int {
	c.T.Helper()
	return offsetOf(c.HeadUpload(path).ExpectStatus(200))
}

func offsetOf(response *Response) int {
	response.T.Helper()
	n, err := strconv.Atoi(response.Header("Upload-Offset"))
	if err != nil {
		response.T.Fatalf("%v %v: %v", response, response.HTTP.Header, err)
	}
	return n
}

// ExpectUploadOffset expects the response to have the upload's offset and an expiry at least an hour from now.
func ExpectUploadOffset(response *Response, offset int) *Response {
	response.T.Helper()
	expires, err := http.ParseTime(response.Header("Upload-Expires"))
	if got := offsetOf(response); got != offset || err != nil || time.Until(expires) < time.Hour ||
		response.Header("Tus-Resumable") != "1.0.0" {
		response.T.Fatalf("%v %v\nwant the offset %d, an expiry in an hour or more, and Tus-Resumable 1.0.0 (%v)",
			response, response.HTTP.Header, offset, err)
	}
	return response
}
