package harness

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const UploadChunk = "bytes" // the body of each operation that takes bytes

// AnnounceUpload begins an upload of so many bytes and answers its id.
func (c *Client) AnnounceUpload(roomID int64, size int) (id string) {
	c.T.Helper()
	made := c.Call("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(size),
		"Upload-Metadata", UploadMetadata(roomID, "film.txt")).ExpectStatus(201)
	return strings.TrimPrefix(made.Header("Location"), "/v1/uploads/")
}

// UploadMetadata says where a text goes, and under which name.
func UploadMetadata(roomID int64, name string) string {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	return "filename " + encode(name) + ",filetype " + encode("text/plain") + ",room_id " + encode(fmt.Sprint(roomID))
}

// UploadMetadataOf is an Upload-Metadata of keys and values, in pairs.
func UploadMetadataOf(pairs ...string) string {
	var all []string
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(all, ",")
}

// UploadCreation are the headers that begin an upload of a file of noise.
func UploadCreation(roomID int64, size int, more ...string) []string {
	return append([]string{
		"Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(size),
		"Upload-Metadata", UploadMetadataOf("filename", "noise.bin", "filetype", "application/octet-stream", "room_id", fmt.Sprint(roomID)),
	}, more...)
}

// CreateUpload begins an upload in chunks and answers its path.
func (c *Client) CreateUpload(roomID int64, size int, more ...string) string {
	c.T.Helper()
	a := c.Call("POST", "/v1/uploads", nil, UploadCreation(roomID, size, more...)...).ExpectStatus(201)
	UploadPath(a, 0)
	return a.Header("Location")
}

// PatchUpload sends a chunk of an upload. The contract has one without bytes for none at all.
func (c *Client) PatchUpload(path string, offset int, chunk []byte, more ...string) *Response {
	c.T.Helper()
	if len(chunk) == 0 {
		return c.CallInvalid("PATCH", path, chunk, UploadHeaders(offset, more...)...)
	}
	return c.Call("PATCH", path, chunk, UploadHeaders(offset, more...)...)
}

func UploadHeaders(offset int, more ...string) []string {
	return append([]string{
		"Tus-Resumable", "1.0.0", "Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/offset+octet-stream",
	}, more...)
}

// HeadUpload asks how far an upload is.
func (c *Client) HeadUpload(path string) *Response {
	c.T.Helper()
	return c.Call("HEAD", path, nil, "Tus-Resumable", "1.0.0")
}

// UploadOffset is how far the upload is.
func (c *Client) UploadOffset(path string) int {
	c.T.Helper()
	return offsetOf(c.HeadUpload(path).ExpectStatus(200))
}

func offsetOf(a *Response) int {
	a.T.Helper()
	n, err := strconv.Atoi(a.Header("Upload-Offset"))
	if err != nil {
		a.T.Fatalf("%v %v: %v", a, a.HTTP.Header, err)
	}
	return n
}

// UploadPath wants an answer to say that the upload stands there, and until when.
func UploadPath(a *Response, offset int) *Response {
	a.T.Helper()
	expires, err := http.ParseTime(a.Header("Upload-Expires"))
	if got := offsetOf(a); got != offset || err != nil || time.Until(expires) < time.Hour || a.Header("Tus-Resumable") != "1.0.0" {
		a.T.Fatalf("%v %v\nwanted the offset %d, an hour and more, and tus (%v)", a, a.HTTP.Header, offset, err)
	}
	return a
}
